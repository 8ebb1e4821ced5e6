//! Conversions of text that several rooms need.

use data_encoding::HEXLOWER_PERMISSIVE;
use std::str::FromStr;

/// Decodes 64 hexadecimal digits of either case to 32 bytes.
pub(crate) fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Returns whether a character is a control character, or reorders or hides the text around it (Unicode's bidirectional
/// controls).
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Returns whether a character has no shape of its own, and is no control character: it hides, joins or pads others.
pub(crate) fn is_invisible(c: char) -> bool {
    is_joiner(c)
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether an invisible character is part of correct text: Persian words and emojis need joiners and variation
/// selectors.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Returns whether a character shows nothing: a blank, a control character, or one without a shape of its own.
pub(crate) fn shows_nothing(c: char) -> bool {
    c.is_whitespace() || is_unprintable(c) || is_invisible(c)
}

/// Removes what comes along at the ends when a person pastes: blanks, line ends and characters without a width. Not a
/// variation selector, which belongs to the character before it, nor a control that reorders what follows: these are for
/// the caller to refuse.
pub(crate) fn trim_pasted(text: &str) -> &str {
    let is_mark = |c: char| matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}');
    let is_selector = |c: char| matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}');
    let has_no_width = |c: char| is_invisible(c) && !is_selector(c);
    text.trim_matches(|c: char| c.is_whitespace() || is_mark(c) || has_no_width(c))
}

/// Removes control and other unprintable characters, and cuts the text to `max_characters`.
pub(crate) fn printable(text: &str, max_characters: usize) -> String {
    text.chars().filter(|c| !is_unprintable(*c)).take(max_characters).collect()
}

/// Parses a number of decimal digits only. `str::parse` also accepts `+5`.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// Returns scheme, user, host and path of a URL. The password is behind the user, or for some drivers in the query; both
/// are left out.
pub(crate) fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let without_query = |text: &str| text.split('?').next().unwrap_or_default().to_owned();
    let end_of_authority = rest.find('/').unwrap_or(rest.len());
    match rest[..end_of_authority].rfind('@').map(|at| (&rest[..at], &rest[at + 1..])) {
        // Drivers differ in whether the question mark belongs to a password or begins the query.
        Some((user, _)) if user.contains('?') => format!("{scheme}://…"),
        Some((user, host)) => {
            format!("{scheme}://{}@{}", user.split(':').next().unwrap_or_default(), without_query(host))
        }
        None => format!("{scheme}://{}", without_query(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_64_digits_of_either_case_and_nothing_else() {
        assert_eq!(bytes_of_hex(&"0aF9".repeat(16)), Some(std::array::from_fn(|at| [0x0a, 0xf9][at % 2])));
        for bad in ["", "0a", &"0a".repeat(31), &"0a".repeat(33), &"+1".repeat(32), &"0g".repeat(32), &"é".repeat(32)]
        {
            assert_eq!(bytes_of_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn printable_text_is_bounded_and_has_nothing_that_a_terminal_acts_on() {
        assert_eq!(printable("a\u{1b}[31mb\n\u{202e}c", 100), "a[31mbc");
        assert_eq!(printable("\u{7}äöü", 2), "äö");
        assert_eq!(printable("\r\n", 2), "");
    }

    #[test]
    fn what_is_pasted_loses_invisible_ends_only() {
        for (pasted, trimmed) in [
            ("\u{feff} a\u{200b}b \u{a0}\r\n", "a\u{200b}b"),
            (" \u{202e}key\u{0}", "\u{202e}key\u{0}"),
            ("❤\u{fe0f} ", "❤\u{fe0f}"),
            ("\u{200b}\u{ad}\u{3000}", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(trim_pasted(pasted), trimmed, "{pasted:?}");
        }
    }

    #[test]
    fn a_number_has_digits_only() {
        assert_eq!((number::<u16>("0"), number::<u16>("65535")), (Some(0), Some(65_535)));
        for bad in ["", "+5", "-5", "5 ", "0x5", "65536", "٣"] {
            assert_eq!(number::<u16>(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_is_shown_without_password_and_query() {
        for (url, shown) in [
            (
                "postgres://keyward:hunter2@db.example:5432/keyward?sslmode=require",
                "postgres://keyward@db.example:5432/keyward",
            ),
            ("postgres:///keyward?password=hunter2", "postgres:///keyward"),
            ("postgres://keyward:hun@ter2@db.example/keyward", "postgres://keyward@db.example/keyward"),
            ("redis://:hunter2@redis.example", "redis://@redis.example"),
            ("postgres://keyward:hun?ter2@db.example/keyward", "postgres://…"),
            ("redis://redis.example?pass=hun@ter2", "redis://…"),
            ("postgres:///keyward?password=hun@ter2", "postgres:///keyward"),
            ("redis+unix:///run/redis.sock?pass=hun@ter2", "redis+unix:///run/redis.sock"),
            ("hunter2", "://"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
