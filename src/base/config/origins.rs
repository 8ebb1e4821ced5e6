//! Origins of web pages, as `server.cors_origins` has them: `https://admin.example.com`, or `https://*.example.com` for
//! all subdomains, however deep, without `example.com` itself.

/// What stands for one or more labels.
const ANY_SUBDOMAIN: &str = "*.";

/// Checks a configured origin.
///
/// # Errors
/// What it must be.
pub(super) fn check(origin: &str) -> Result<(), String> {
    let Some((scheme, place)) = origin.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))
    else {
        return Err("must be an origin such as https://admin.example.com".into());
    };
    let parent = place.strip_prefix(ANY_SUBDOMAIN);
    let is_top_level = |parent: &str| !parent.is_empty() && !parent.contains('.') && !parent.starts_with("localhost");
    if parent.is_some_and(is_top_level) {
        return Err("must have a domain of two labels behind *., as in https://*.example.com".into());
    }
    let place = parent.unwrap_or(place);
    // An address of IPv6 has colons of its own, in brackets.
    let after_brackets = place.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match place[after_brackets..].split_once(':') {
        Some((host, port)) => (&place[..after_brackets + host.len()], Some(port)),
        None => (place, None),
    };
    if host.contains('*') {
        return Err("may have * only for subdomains, as in https://*.example.com".into());
    }
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b);
    if host.is_empty() || host.starts_with('.') || !host.bytes().all(is_plain) {
        return Err("must be an origin such as https://admin.example.com: in lower case, without a path".into());
    }
    let default = if scheme == "https" { 443 } else { 80 };
    match port.map(str::parse::<u16>) {
        None => Ok(()),
        Some(Ok(port)) if port == default => {
            Err(format!("must not name port {default}: browsers leave the default port out. Write {scheme}://{place}")
                .replace(&format!(":{default}"), ""))
        }
        Some(Ok(port)) if port > 0 => Ok(()),
        Some(_) => Err("must have a port from 1 to 65535, or none".into()),
    }
}

/// Returns whether a text is one origin as browsers write it: no pattern, in lower case, without a default port.
pub fn is_exact_origin(origin: &str) -> bool {
    !origin.contains('*') && check(origin).is_ok()
}

/// Returns whether a configured origin admits the `Origin` of a request.
pub(super) fn admits(configured: &str, origin: &[u8]) -> bool {
    let Some((scheme, parent)) = configured.split_once(ANY_SUBDOMAIN) else { return configured.as_bytes() == origin };
    let Some(labels) = origin.strip_prefix(scheme.as_bytes()).and_then(|rest| rest.strip_suffix(parent.as_bytes()))
    else {
        return false;
    };
    let is_label = |label: &[u8]| {
        !label.is_empty() && label.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(b))
    };
    labels.strip_suffix(b".").is_some_and(|labels| labels.split(|b| *b == b'.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_checked_with_words() {
        for good in [
            "https://admin.example.com",
            "http://localhost:3000",
            "https://*.example.com",
            "https://*.example.com:8443",
            "http://*.localhost:3000",
            "http://[::1]:8080",
            "http://example.com:443",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, words) in [
            ("admin.example.com", "https://admin.example.com"),
            ("https://", "https://admin.example.com"),
            ("https://Admin.example.com", "lower case"),
            ("https://a.example/", "without a path"),
            (
                "https://a.example:443",
                "must not name port 443: browsers leave the default port out. Write https://a.example",
            ),
            ("http://a.example:80", "Write http://a.example"),
            ("https://a.*.example", "https://*.example.com"),
            ("*", "https://admin.example.com"),
            ("https://a.example:0", "1 to 65535"),
            ("https://a.example:x", "1 to 65535"),
            ("https://*.", "without a path"),
            ("https://*.com", "two labels"),
            ("null", "https://admin.example.com"),
        ] {
            let reason = check(bad).unwrap_err();
            assert!(reason.contains(words), "{bad}: {reason}");
            assert!(!reason.contains(":443") && !reason.contains(":80"), "{reason}");
        }
    }

    #[test]
    fn subdomains_are_whole_labels_before_the_parent() {
        let admitted = |origin: &str| admits("https://*.a.example", origin.as_bytes());
        assert!(admitted("https://x.a.example") && admitted("https://x-1.y_2.a.example"));
        for other in [
            "https://a.example",
            "https://.a.example",
            "https://x..a.example",
            "https://xa.example",
            "http://x.a.example",
            "https://x.a.example:8443",
            "https://evil.example/.a.example",
            "https://evil.example?.a.example",
            "https://user@.a.example",
            "https://x.a.example.evil",
        ] {
            assert!(!admitted(other), "{other}");
        }
        assert!(
            admits("https://a.example", b"https://a.example") && !admits("https://a.example", b"https://x.a.example")
        );
    }
}
