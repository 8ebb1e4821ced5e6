//! [`ImportedFormat`]: the format of keys that another product issued. Their checksum is not known here, so each text
//! in the format costs a lookup. Own keys are recognized first and don't pay for it.

use crate::base::config::ImportedKeys;
use std::ops::RangeInclusive;

/// The number of characters that a preview shows at each end of the text after the prefix.
const PREVIEW: usize = 3;
/// A body shorter than this is not shown at all.
const MIN_SHOWN_LENGTH: usize = 16;

/// A prefix, which may be empty, and the allowed length of the text after it.
#[derive(Clone, Debug)]
pub(super) struct ImportedFormat {
    prefix: String,
    lengths: RangeInclusive<usize>,
}

impl ImportedFormat {
    pub(super) fn new(keys: &ImportedKeys) -> Self {
        Self { prefix: keys.prefix.clone(), lengths: keys.min_length..=keys.max_length }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// True when the text starts with the prefix; false when the format has none.
    pub(super) fn has_prefix(&self, text: &str) -> bool {
        !self.prefix.is_empty() && text.starts_with(&self.prefix)
    }

    /// True when the text has the format of such a key. No allocation.
    pub(super) fn recognizes(&self, text: &str) -> bool {
        self.body(text).is_some()
    }

    /// Returns the key's preview.
    pub(super) fn preview(&self, text: &str) -> Option<String> {
        let body = self.body(text)?;
        let prefix = &self.prefix;
        Some(match body.len() >= MIN_SHOWN_LENGTH {
            true => format!("{prefix}{}...{}", &body[..PREVIEW], &body[body.len() - PREVIEW..]),
            false => format!("{prefix}..."),
        })
    }

    fn body<'t>(&self, text: &'t str) -> Option<&'t str> {
        let body = text.strip_prefix(&self.prefix)?;
        (self.lengths.contains(&body.len()) && body.bytes().all(|byte| byte.is_ascii_graphic())).then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(prefix: &str, min_length: usize, max_length: usize) -> ImportedFormat {
        ImportedFormat::new(&ImportedKeys { prefix: prefix.to_owned(), min_length, max_length })
    }

    #[test]
    fn a_key_has_the_prefix_and_a_length_in_bounds() {
        let acme = format("acme_", 4, 6);
        for good in ["acme_abcd", "acme_a.-_~f"] {
            assert!(acme.recognizes(good), "{good}");
        }
        for bad in ["", "acme_", "acme_abc", "acme_abcdefg", "acm_abcd", "acme_ab d", "acme_abé", "ACME_abcd"] {
            assert!(!acme.recognizes(bad), "{bad}");
        }
        assert!(format("", 4, 6).recognizes("abcd") && !format("", 4, 6).has_prefix("abcd"));
    }

    #[test]
    fn a_preview_shows_a_little_of_a_long_key_and_nothing_of_a_short_one() {
        assert_eq!(format("acme_", 4, 64).preview("acme_0123456789abcdef").unwrap(), "acme_012...def");
        assert_eq!(format("acme_", 4, 64).preview("acme_0123").unwrap(), "acme_...");
        assert_eq!(format("acme_", 4, 64).preview("other_0123"), None);
    }
}
