//! `[server]`: the address to listen on, and the server's limits.

use super::Tls;
use super::duration;
use super::origins;
use crate::base::network::AddressBlock;
use actix_web::http::header::{FORWARDED, HeaderName, X_FORWARDED_FOR};
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
    /// How long a stop by SIGTERM goes on taking connections, as a node that is not ready: the time that a load balancer
    /// needs to choose other nodes.
    #[serde(with = "duration")]
    pub drain_pause: Duration,
    /// How long a stop waits for requests in flight, after the pause.
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
    /// Proxies whose `forwarded_header` is trusted.
    pub trusted_proxies: Vec<AddressBlock>,
    /// The header in which trusted proxies name their clients. The other one is ignored: a proxy that writes one may
    /// pass on what its client sent in the other.
    pub forwarded_header: ForwardedHeader,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Headers that these pages may send besides those that Keyward reads.
    pub cors_headers: Vec<String>,
    /// The certificate, if this server terminates TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// A header that names the hops of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardedHeader {
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
    /// Of [RFC 7239](https://www.rfc-editor.org/rfc/rfc7239).
    Forwarded,
}

impl ForwardedHeader {
    pub fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }
}

impl Server {
    /// Returns whether pages of an origin may call the API.
    pub fn allows_origin(&self, origin: &[u8]) -> bool {
        self.cors_origins.iter().any(|allowed| origins::admits(allowed, origin))
    }

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
            origins::check(origin).map_err(|reason| format!("server.cors_origins: {origin:?} {reason}"))?;
        }
        for name in &self.cors_headers {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)) {
                return Err(format!("server.cors_headers: {name:?} must be the name of a header, such as X-Trace-Id"));
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
