//! The client's address, behind the proxies that configuration trusts. No other code reads it from a request.

use crate::base::config::{ForwardedHeader, Server};
use crate::base::error::ApiError;
use crate::base::network::{Hop, forwarded, x_forwarded_for};
use actix_web::HttpRequest;
use std::net::IpAddr;

/// Returns the nearest address that is not a trusted proxy: the peer's, or, if the peer is trusted, the right-most hop
/// of `server.forwarded_header` that is not itself a trusted proxy. Hops left of it are the client's own claim. Lines of
/// that header are one list. Without any hop, the proxy asks for itself and is the client.
///
/// Cost for `X-Forwarded-For`: no allocation, unless a proxy sends the header twice.
///
/// # Errors
/// `bad_request` if the list comes to a hop that is no address. All hops behind it are trusted proxies, and all before
/// it may be forged, so no hop is the client.
pub fn client_address(req: &HttpRequest, server: &Server) -> Result<Option<IpAddr>, ApiError> {
    let is_trusted = |address: &IpAddr| server.trusted_proxies.iter().any(|block| block.contains(address));
    let Some(peer) = req.peer_addr() else { return Ok(None) };
    let mut nearest = peer.ip().to_canonical();
    if !is_trusted(&nearest) {
        return Ok(Some(nearest));
    }
    let name = server.forwarded_header.name();
    let mut lines = req.headers().get_all(&name);
    let Some(first) = lines.next() else { return Ok(Some(nearest)) };
    // Proxies send one line; only a second one allocates.
    let others: Vec<_> = lines.collect();
    let mut visit = |hop: Hop| match hop {
        Hop::At(address) => {
            nearest = address;
            Ok(!is_trusted(&address))
        }
        Hop::Unreadable => Err(ApiError::bad_request(format!(
            "The header {name} names a hop that is no IP address, so the client's address can't be told."
        ))),
    };
    for line in others.into_iter().rev().chain([first]).map(|line| line.as_bytes()) {
        let is_found = match server.forwarded_header {
            ForwardedHeader::XForwardedFor => any_of(x_forwarded_for(line), &mut visit)?,
            ForwardedHeader::Forwarded => any_of(forwarded(line), &mut visit)?,
        };
        if is_found {
            break;
        }
    }
    Ok(Some(nearest))
}

/// Returns whether `visit` is true for any hop, and visits none after that one.
fn any_of(
    hops: impl Iterator<Item = Hop>,
    visit: &mut impl FnMut(Hop) -> Result<bool, ApiError>,
) -> Result<bool, ApiError> {
    for hop in hops {
        if visit(hop)? {
            return Ok(true);
        }
    }
    Ok(false)
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
    use crate::base::config::{Sources, load};
    use crate::base::error::Code;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    fn seen_in(header: ForwardedHeader, peer: &str, lines: &[&[u8]]) -> Result<String, Code> {
        let mut server = load(&Sources::default()).unwrap().server;
        (server.trusted_proxies, server.forwarded_header) = (vec!["10.0.0.0/8".parse().unwrap()], header);
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for line in lines {
            request = request.append_header((header.name(), *line));
        }
        let address = client_address(&request.to_http_request(), &server).map_err(|error| error.code)?;
        Ok(address.unwrap().to_string())
    }

    fn seen(peer: &str, lines: &[&str]) -> Result<String, Code> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        seen_in(ForwardedHeader::XForwardedFor, peer, &lines)
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
        let client = Ok("203.0.113.7".to_owned());
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"]), client);
        assert_eq!(seen("[::ffff:203.0.113.7]", &["é"]), client);
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, 203.0.113.7"]), client);
        assert_eq!(seen("[::ffff:10.0.0.1]", &["198.51.100.1, ::ffff:203.0.113.7, \"[::ffff:10.0.0.2]:80\""]), client);
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.7:51008, 10.0.0.2"]), client);
        assert_eq!(seen("10.0.0.1", &["é", "203.0.113.7"]), client);
        assert_eq!(seen("10.0.0.1", &["é, 203.0.113.7"]), client);
    }

    #[test]
    fn a_hop_that_is_no_address_makes_no_one_the_client() {
        for lines in [["203.0.113.7, nonsense", "10.0.0.2"], ["203.0.113.7", "é"], ["unknown", "10.0.0.2, 10.0.0.3"]] {
            assert_eq!(seen("10.0.0.1", &lines), Err(Code::BadRequest), "{lines:?}");
        }
    }

    #[test]
    fn without_a_hop_or_with_trusted_ones_only_a_proxy_asks_for_itself() {
        assert_eq!(seen("10.0.0.1", &[]).unwrap(), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[" , "]).unwrap(), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"]).unwrap(), "10.0.0.3");
    }

    #[test]
    fn only_the_configured_header_is_read() {
        let line: &[u8] = b"for=198.51.100.1, for=\"203.0.113.7:51008\";proto=https, for=10.0.0.2";
        assert_eq!(seen_in(ForwardedHeader::Forwarded, "10.0.0.1", &[line]).unwrap(), "203.0.113.7");
        assert_eq!(seen_in(ForwardedHeader::Forwarded, "10.0.0.1", &[b"203.0.113.7"]), Err(Code::BadRequest));
        assert_eq!(seen_in(ForwardedHeader::XForwardedFor, "10.0.0.1", &[line]), Err(Code::BadRequest));
    }

    proptest! {
        /// Whatever stands in the header, the client is a stranger's address, or there is no client. It is a trusted
        /// proxy only if all hops are.
        #[test]
        fn no_text_makes_a_proxy_the_client(
            lines in proptest::collection::vec(proptest::collection::vec(
                prop_oneof![Just("10.0.0.2".to_owned()), Just("203.0.113.7".to_owned()), "[^,]{1,12}"], 1..4,
            ), 1..3)
        ) {
            let texts: Vec<String> = lines.iter().map(|line| line.join(", ")).collect();
            let is_sent = |text: &String| actix_web::http::header::HeaderValue::from_str(text).is_ok();
            prop_assume!(texts.iter().all(is_sent));
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let is_proxy = |hop: &String| matches!(hop.trim(), "" | "10.0.0.2");
            match seen("10.0.0.1", &texts) {
                Ok(address) if address.starts_with("10.") => prop_assert!(lines.iter().flatten().all(is_proxy)),
                Ok(_) => {}
                Err(code) => prop_assert_eq!(code, Code::BadRequest),
            }
        }
    }
}
