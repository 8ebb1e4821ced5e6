//! The hops that proxies write into `X-Forwarded-For` and `Forwarded`
//! ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)), from left to right: the client's own claim is the first.

use super::address_block::canonical_address;
use crate::base::text::number;
use std::net::IpAddr;

/// One hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// The address, canonical.
    At(IpAddr),
    /// No address: nonsense, or a name such as `unknown`.
    Unreadable,
}

/// Returns the hops of one line of `X-Forwarded-For`, from the right to the left.
///
/// A hop is an address, with or without a port, brackets around an IPv6 address, a zone, and quotation marks around
/// all of it. IPv6 has a port only with brackets. Empty elements are left out (RFC 9110, 5.6.1). No allocation.
pub fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Hop> {
    line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()).map(|hop| {
        let text = std::str::from_utf8(hop).ok();
        let inner = text.map(|text| text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text));
        inner.map_or(Hop::Unreadable, node)
    })
}

/// Returns the hops of one line of `Forwarded`, from the right to the left.
///
/// Each element is a hop, which its `for` names once. A line of another grammar is one unreadable hop: its parts can't
/// be told apart. A value without quotation marks may have `:`, `[` and `]`, as some proxies write it.
pub fn forwarded(line: &[u8]) -> impl Iterator<Item = Hop> {
    let hops = std::str::from_utf8(line).ok().and_then(elements).unwrap_or_else(|| vec![Hop::Unreadable]);
    hops.into_iter().rev()
}

/// Reads an address with an optional port, as RFC 7239 (6) writes a node.
fn node(text: &str) -> Hop {
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) if address.contains(':') => (Some(address), rest),
            _ => (None, ""),
        },
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => (Some(address), &text[address.len()..]),
            _ => (Some(text), ""),
        },
    };
    let is_port = |port: &str| {
        let is_hidden = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        number::<u16>(port).is_some() || port.strip_prefix('_').is_some_and(is_hidden)
    };
    let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    address.filter(|_| port_is_good).and_then(canonical_address).map_or(Hop::Unreadable, Hop::At)
}

/// Splits a line into elements, and reads the hop of each. `None` if the line has another grammar.
fn elements(line: &str) -> Option<Vec<Hop>> {
    let (mut hops, mut rest) = (Vec::new(), line.trim_matches(BLANKS));
    while !rest.is_empty() {
        let (mut named, mut is_empty) = (None, true);
        rest = loop {
            rest = rest.trim_start_matches(BLANKS);
            let name_length = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
            if name_length > 0 {
                let (name, after) = rest.split_at(name_length);
                let (value, after) = value(after.strip_prefix('=')?)?;
                if name.eq_ignore_ascii_case("for") && named.replace(value).is_some() {
                    return None;
                }
                (rest, is_empty) = (after.trim_start_matches(BLANKS), false);
            }
            match rest.strip_prefix(';') {
                Some(more) => (rest, is_empty) = (more, false),
                None if rest.is_empty() => break rest,
                None => break rest.strip_prefix(',')?.trim_start_matches(BLANKS),
            }
        };
        if !is_empty {
            hops.push(named.as_deref().map_or(Hop::Unreadable, node));
        }
    }
    Some(hops)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// RFC 9110, 5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// Reads a value at the start of the text: without quotation marks, or a quoted string (RFC 9110, 5.6.4). Returns what
/// follows it, too.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c| !is_token(c) && !":[]".contains(c)).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (!value.is_empty()).then(|| (value.to_owned(), rest));
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;
