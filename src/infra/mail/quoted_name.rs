//! [`quoted_name`]: names of people and their things, as a mail shows them.

use crate::base::text::{is_invisible, is_joiner, is_unprintable};

/// The most characters of a name in a mail.
const MAX_CHARACTERS: usize = 100;

/// Returns a name in quotation marks, as text that no mail program makes a link of.
///
/// Any person chooses a name freely, and the mail comes from the operator's domain. So a dot, colon or at sign stands in
/// brackets where more text follows: `https[://]example[.]com`. Quotation marks, characters that can't be seen, and text
/// after the first 100 characters are left out.
pub(crate) fn quoted_name(name: &str) -> String {
    let visible = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let visible = visible.filter(|c| !is_unprintable(*c) && (!is_invisible(*c) || is_joiner(*c)) && !is_quote(*c));
    let cut: String = visible.take(MAX_CHARACTERS).collect();
    let words: Vec<String> = cut.split(' ').filter(|word| !word.is_empty()).map(without_link).collect();
    format!("\"{}\"", words.join(" "))
}

/// Puts each group of separators in brackets, unless the word ends with it.
fn without_link(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find(is_separator) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_separator(c)).unwrap_or(from.len());
        let (group, after) = from.split_at(end);
        shown.push_str(before);
        if after.is_empty() || group.chars().all(is_slash) {
            shown.push_str(group);
        } else {
            shown.extend(["[", group, "]"]);
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// The separators of addresses, and what mail programs and browsers take for them.
fn is_separator(c: char) -> bool {
    is_slash(c)
        || matches!(
            c,
            '.' | ':'
                | '@'
                | '\u{2024}'
                | '\u{3002}'
                | '\u{fe52}'
                | '\u{fe55}'
                | '\u{fe6b}'
                | '\u{ff0e}'
                | '\u{ff1a}'
                | '\u{ff20}'
                | '\u{ff61}'
        )
}

fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}')
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{ff02}' | '\u{ab}' | '\u{bb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_in_a_mail_is_quoted_and_makes_no_link() {
        for (name, shown) in [
            ("Acme", "\"Acme\""),
            ("Acme Inc.", "\"Acme Inc.\""),
            ("R/D: tools", "\"R/D: tools\""),
            ("https://evil.example/x", "\"https[://]evil[.]example/x\""),
            ("www.evil.example", "\"www[.]evil[.]example\""),
            ("evil\u{3002}example", "\"evil[\u{3002}]example\""),
            ("evil\u{200b}.\u{ad}example", "\"evil[.]example\""),
            ("mailto:mallory@evil.example", "\"mailto[:]mallory[@]evil[.]example\""),
            ("Acme\". Call\r\n\r\n 123 now. \"", "\"Acme. Call 123 now.\""),
            ("\u{202e}Acme\u{7}", "\"Acme\""),
        ] {
            assert_eq!(quoted_name(name), shown, "{name:?}");
        }
        assert_eq!(quoted_name(&"x".repeat(5000)).len(), MAX_CHARACTERS + 2);
    }

    proptest! {
        /// Outside brackets, no separator of a domain, an address or a scheme has text behind it.
        #[test]
        fn any_name_is_one_line_without_a_link(name in "([a-z./:@\" \r\n\\[\\]]|\\PC|\u{ff0e}){0,40}") {
            let shown = quoted_name(&name);
            let inner = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            prop_assert!(!inner.contains('"') && !inner.chars().any(char::is_control));
            let characters: Vec<char> = inner.chars().collect();
            for pair in characters.windows(2) {
                let links = is_separator(pair[0]) && !is_slash(pair[0]) && !is_separator(pair[1]);
                prop_assert!(!links || matches!(pair[1], ' ' | ']'), "{inner}");
            }
        }
    }
}
