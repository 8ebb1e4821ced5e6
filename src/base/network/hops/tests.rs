//! Every form of a hop that the grammar has, and everything else.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A text and the hop that it is.
type Written = (String, Hop);

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        any::<u16>().prop_map(|port| format!(":{port}")),
        "[A-Za-z0-9._-]{1,8}".prop_map(|name| format!(":_{name}")),
    ]
}

fn zone() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "%[a-z0-9]{1,6}", "%25[a-z0-9]{1,6}"]
}

/// An IPv4 address with or without a port.
fn v4() -> impl Strategy<Value = Written> {
    (any::<u32>().prop_map(Ipv4Addr::from_bits), port())
        .prop_map(|(address, port)| (format!("{address}{port}"), Hop::At(address.into())))
}

fn v6_address() -> impl Strategy<Value = Written> {
    let bits = prop_oneof![any::<u128>(), any::<u32>().prop_map(|v4| 0xffff_0000_0000 | u128::from(v4))];
    (bits, zone()).prop_map(|(bits, zone)| {
        let address = Ipv6Addr::from_bits(bits);
        (format!("{address}{zone}"), Hop::At(IpAddr::V6(address).to_canonical()))
    })
}

/// An IPv6 address in brackets, with or without a port.
fn v6_in_brackets() -> impl Strategy<Value = Written> {
    (v6_address(), port()).prop_map(|((address, hop), port)| (format!("[{address}]{port}"), hop))
}

fn quoted((text, hop): Written) -> Written {
    (format!("\"{text}\""), hop)
}

/// Every form that `X-Forwarded-For` may have.
fn listed() -> impl Strategy<Value = Written> {
    let plain = prop_oneof![v4(), v6_address(), v6_in_brackets()].boxed();
    prop_oneof![plain.clone(), plain.prop_map(quoted)]
}

/// Every element that `Forwarded` may have, with other parameters before and behind.
fn element() -> impl Strategy<Value = Written> {
    let plain = any::<u32>().prop_map(Ipv4Addr::from_bits).prop_map(|v4| (v4.to_string(), Hop::At(v4.into())));
    let node = prop_oneof![
        v4().prop_map(quoted),
        v6_in_brackets().prop_map(quoted),
        plain,
        "(unknown|_[A-Za-z0-9._-]{1,8})".prop_map(|name| (name, Hop::Unreadable)),
    ];
    const OTHER: &str = "(proto=https;|by=_proxy;|host=\"a,b;for=192\\.0\\.2\\.1\";|by=\"\\\\\"x\"; ?|;)?";
    ("(for|For|FOR)", node, OTHER, OTHER)
        .prop_map(|(name, (text, hop), before, after)| (format!("{before}{name}={text};{after}"), hop))
}

fn joined(elements: &[Written]) -> String {
    elements.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" , ")
}

fn from_the_right(elements: &[Written]) -> Vec<Hop> {
    elements.iter().rev().map(|(_, hop)| *hop).collect()
}

proptest! {
    #[test]
    fn each_form_of_x_forwarded_for_is_its_address(list in proptest::collection::vec(listed(), 1..5)) {
        let hops: Vec<Hop> = x_forwarded_for(joined(&list).as_bytes()).collect();
        prop_assert_eq!(hops, from_the_right(&list), "{}", joined(&list));
    }

    #[test]
    fn each_form_of_forwarded_is_its_address(list in proptest::collection::vec(element(), 1..5)) {
        let hops: Vec<Hop> = forwarded(joined(&list).as_bytes()).collect();
        prop_assert_eq!(hops, from_the_right(&list), "{}", joined(&list));
    }

    /// A proxy appends its hop to whatever a client has sent, and that hop stays the right-most.
    #[test]
    fn whatever_a_client_sends_the_appended_hop_is_read_first(sent: Vec<u8>, (text, hop) in listed()) {
        let line = [sent.as_slice(), b", ", text.as_bytes()].concat();
        prop_assert_eq!(x_forwarded_for(&line).next(), Some(hop));
    }

    /// In `Forwarded`, what a client sends may only spoil the line, or be left of the appended element.
    #[test]
    fn whatever_a_client_sends_no_address_of_its_own_is_read_first(
        sent in "(for=192\\.0\\.2\\.1|\"|[ -~]){0,6}",
        appended in prop_oneof![Just("for=203.0.113.7"), Just("for=\"203.0.113.7:80\";by=\"_p\"")],
    ) {
        let line = format!("{sent}, {appended}");
        let first = forwarded(line.as_bytes()).next();
        let expected = Hop::At(Ipv4Addr::new(203, 0, 113, 7).into());
        prop_assert!(first == Some(expected) || first == Some(Hop::Unreadable), "{}: {:?}", line, first);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(line: Vec<u8>) {
        let _ = (x_forwarded_for(&line).count(), forwarded(&line).count());
    }
}

#[test]
fn what_is_no_address_is_unreadable_and_never_left_out() {
    for text in [
        "é",
        "unknown",
        "_hidden",
        "-",
        "203.0.113.7:",
        "203.0.113.7:65536",
        "203.0.113.7:+1",
        "203.0.113.7:1:2",
        "203.0.113",
        "0203.0.113.7",
        "[203.0.113.7]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]1",
        "[]",
        "\"",
        "\"203.0.113.7",
        "203.0.113.7\"",
        "fe80::1%",
        "203.0.113.7%eth0",
        "for=203.0.113.7",
        "203.0.113.7 10.0.0.1",
    ] {
        assert_eq!(x_forwarded_for(text.as_bytes()).collect::<Vec<_>>(), [Hop::Unreadable], "{text}");
    }
    for text in [
        "for",
        "for=",
        "for=é",
        "for=\"203.0.113.7",
        "for=203.0.113.7;for=203.0.113.8",
        "proto=https",
        ";",
        "203.0.113.7",
        "for = 203.0.113.7",
        "for=\"[2001:db8::1\"",
        "for=2001:db8::1:x",
    ] {
        assert_eq!(forwarded(text.as_bytes()).collect::<Vec<_>>(), [Hop::Unreadable], "{text}");
    }
    for text in ["", " ", ",", " , ,"] {
        assert_eq!((x_forwarded_for(text.as_bytes()).count(), forwarded(text.as_bytes()).count()), (0, 0), "{text:?}");
    }
}
