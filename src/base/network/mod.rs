//! Network addresses, blocks of addresses, the hops that proxies name, and URLs.
//!
//! Every address is canonical: an IPv4 address in its IPv6 form (`::ffff:203.0.113.7`) is the IPv4 address.

mod address_block;
mod hops;

pub use address_block::AddressBlock;
pub use hops::{Hop, forwarded, x_forwarded_for};

use std::net::{IpAddr, Ipv6Addr};

/// Returns the network that limits on guesses count as one address: of IPv6 the /64, since one customer has at least
/// that.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64)).into(),
    }
}

/// Returns whether the URL is plain HTTP to this machine.
pub(crate) fn is_loopback_http(url: &str) -> bool {
    ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start))
        // http://localhost:x@elsewhere.example/ leads elsewhere.
        && !url.contains('@')
}
