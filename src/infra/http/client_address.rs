//! The client's address, behind the proxies that configuration trusts.

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;
use ipnet::IpNet;
use std::net::IpAddr;

/// Returns the nearest address that is not a trusted proxy: the peer's, or, if the peer is trusted, the right-most
/// entry of `X-Forwarded-For` that is not itself a trusted proxy. Entries left of it are the client's own claim.
/// Cost: no allocation, unless a proxy sends the header twice.
pub fn client_address(req: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|block| block.contains(address));
    let mut nearest = req.peer_addr()?.ip().to_canonical();
    if !is_trusted(&nearest) {
        return Some(nearest);
    }
    let mut headers = req.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let Some(first) = headers.next() else { return Some(nearest) };
    // Proxies send one header; only a second one allocates.
    let others: Vec<&str> = headers.collect();
    for entry in others.iter().copied().rev().chain([first]).flat_map(|value| value.rsplit(',')) {
        let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !is_trusted(&nearest) {
            break;
        }
    }
    Some(nearest)
}

/// True for a request that a program on this machine makes. A proxy on this machine passes on requests of others; it is
/// known by the headers that proxies add.
pub fn is_from_this_machine(req: &HttpRequest) -> bool {
    let is_local = req.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let of_proxies = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded", "via"];
    is_local && !of_proxies.iter().any(|name| req.headers().contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_address(&request.to_http_request(), &trusted).unwrap().to_string()
    }

    #[test]
    fn a_request_that_a_proxy_passes_on_is_not_from_this_machine() {
        let from = |peer: &str, header: Option<&'static str>| {
            let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
            if let Some(name) = header {
                request = request.append_header((name, "x"));
            }
            is_from_this_machine(&request.to_http_request())
        };
        assert!(from("127.0.0.1:1", None) && from("[::1]:1", None) && from("[::ffff:127.0.0.1]:1", None));
        assert!(!from("203.0.113.7:1", None) && !from("[::ffff:203.0.113.7]:1", None));
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "via"] {
            assert!(!from("127.0.0.1:1", Some(name)), "{name}");
        }
    }

    #[test]
    fn a_stranger_can_not_choose_its_address() {
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.7, 10.0.0.2"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.7, nonsense"]), "10.0.0.1");
    }
}
