//! `[server]`: the address to listen on, and the server's limits.

use super::Tls;
use super::duration;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that serve requests; 0: one for each core.
    pub workers: usize,
    /// The start of all API paths.
    pub base_path: String,
    /// The URL at which clients reach this server, without a slash at the end.
    pub public_url: String,
    /// The longest a request may take.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How long a stop waits for requests in flight.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
    /// The longest that a client may take to send the headers of its first request.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long a connection stays open between two requests.
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    /// The most connections at once; fewer if the process may not open so many files.
    pub max_connections: usize,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The most bytes of all header names and values together.
    pub header_limit: usize,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// The certificate, if this server terminates TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl Server {
    pub(super) fn check(&self) -> Result<(), String> {
        let path = &self.base_path;
        let segment_is_plain = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment_is_plain)) {
            return Err(format!("server.base_path: {path:?} must look like \"/v1\" or \"/api/v1\""));
        }
        let url = &self.public_url;
        if !(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/') {
            return Err(format!("server.public_url: {url:?} must start with http:// or https:// and not end with /"));
        }
        for origin in &self.cors_origins {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*'])) {
                return Err(format!(
                    "server.cors_origins: {origin:?} must be an origin such as https://admin.example.com"
                ));
            }
        }
        self.tls.as_ref().map_or(Ok(()), Tls::check)?;
        if self.request_timeout.is_zero() || self.body_limit == 0 || self.header_limit == 0 {
            return Err("server: request_timeout, body_limit and header_limit must be above 0".into());
        }
        // Zero would mean for ever.
        if self.header_timeout.is_zero() || self.keep_alive.is_zero() || self.max_connections == 0 {
            return Err("server: header_timeout, keep_alive and max_connections must be above 0".into());
        }
        Ok(())
    }
}
