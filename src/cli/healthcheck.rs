//! `keyward healthcheck`: for container runtimes, in an image that has no shell and no curl.

use crate::base::config::{Config, Server};
use actix_web::rt::System;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Below the time-out of container runtimes.
const LIMIT: Duration = Duration::from_secs(2);

/// Requests `/healthz` of the server on this machine, at the configured address. Not `/readyz`: a runtime restarts an
/// unhealthy container, which does not repair a database.
pub fn run(config: &Config) -> Result<(), String> {
    let url = url(&config.server);
    // The certificate is for another name, and no secret is sent.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(LIMIT)
        .tls_certs_only([])
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|error| error.to_string())?;
    let answer = System::new().block_on(async { client.get(&url).send().await?.error_for_status() });
    answer.map_err(|error| format!("{url}: {error}"))?;
    println!("{url}: ok");
    Ok(())
}

fn url(server: &Server) -> String {
    format!("{}/healthz", origin(server, server.listen))
}

/// Returns the URL of a server that listens on an address, for this machine.
pub(super) fn origin(server: &Server, address: SocketAddr) -> String {
    let host: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}
