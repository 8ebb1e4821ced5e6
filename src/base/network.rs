//! Addresses and URLs of networks.

use std::net::{IpAddr, Ipv6Addr};

/// What counts as one address where guesses are counted: behind IPv6 one customer has a /64 at least.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64)).into(),
    }
}

/// Whether it is an address on this very machine, by plain HTTP.
pub(crate) fn is_loopback_http(url: &str) -> bool {
    ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start))
        // As in http://localhost:x@elsewhere.example/.
        && !url.contains('@')
}
