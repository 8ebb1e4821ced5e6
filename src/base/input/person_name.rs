//! A person's name: what people may type, and what is taken of an issuer's claim. Both have the same bounds.

use crate::base::text::{is_invisible, is_joiner, is_unprintable, shows_nothing};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The most characters of a person's name, by Firebase.
pub const LIMIT: usize = 256;

/// What is wrong with a typed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has more than [`LIMIT`] characters.
    TooLong,
    /// It has control characters, or others that hide or reorder text.
    Unprintable,
    /// It has nothing to see.
    Invisible,
}

/// Checks a typed name.
///
/// # Errors
/// The first fault.
pub fn check(name: &str) -> Result<(), Fault> {
    if name.chars().count() > LIMIT {
        return Err(Fault::TooLong);
    }
    if name.chars().any(is_left_out) {
        return Err(Fault::Unprintable);
    }
    if is_visible(name) { Ok(()) } else { Err(Fault::Invisible) }
}

/// Returns the name in a claim: without blanks at its ends, and cut to [`LIMIT`] characters. `None` if it has characters
/// that a typed name can't have, or nothing visible.
pub fn of_claim(claim: &str) -> Option<String> {
    let claim = claim.trim();
    let cut: String = claim.chars().take(LIMIT).collect();
    let name = cut.trim_end();
    (!claim.chars().any(is_left_out) && check(name).is_ok()).then(|| name.to_owned())
}

fn is_left_out(c: char) -> bool {
    is_unprintable(c) || (is_invisible(c) && !is_joiner(c))
}

fn is_visible(name: &str) -> bool {
    !name.chars().all(shows_nothing)
}

/// A person's name, trimmed and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for PersonName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = text.trim();
        match check(name) {
            Ok(()) => Ok(Self(name.to_owned())),
            Err(Fault::TooLong) => Err(D::Error::custom(format!("must be at most {LIMIT} characters long"))),
            Err(Fault::Unprintable) => Err(D::Error::custom("must not contain control characters")),
            Err(Fault::Invisible) => Err(D::Error::custom("must have a character that can be seen")),
        }
    }
}

impl utoipa::PartialSchema for PersonName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(LIMIT))
            .description(Some("1 to 256 characters, without control characters."))
            .examples(["Ada Lovelace"])
            .into()
    }
}
impl utoipa::ToSchema for PersonName {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is taken of a claim may be typed, and a typed name without blanks at its ends is taken as it is.
        #[test]
        fn a_claim_is_bounded_like_a_typed_name(
            claim in "(\\PC|[\u{0}-\u{a0}\u{ad}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}\u{feff}\u{3164}]|Ada ){0,300}"
        ) {
            if let Some(name) = of_claim(&claim) {
                prop_assert_eq!(check(&name), Ok(()));
                prop_assert_eq!(of_claim(&name), Some(name));
            }
            if check(&claim).is_ok() {
                prop_assert_eq!(of_claim(&claim), Some(claim.trim().to_owned()));
            }
        }
    }

    #[test]
    fn a_claim_is_cut_and_one_that_nobody_can_type_is_left_out() {
        assert_eq!(of_claim(" Ada Lovelace\r\n").as_deref(), Some("Ada Lovelace"));
        let long = format!("{} x", "é".repeat(255));
        assert_eq!(of_claim(&long), Some("é".repeat(255)));
        for bad in ["Ada\r\nLovelace", "a\0b", "Ada\u{202e}", "A\u{200b}da", &format!("{}\u{1b}", "x".repeat(20_000))] {
            assert_eq!(of_claim(bad), None, "{bad:?}");
        }
        assert_eq!(of_claim(&"é".repeat(20_000)), Some("é".repeat(256)));
        for text in ["👩\u{200d}💻", "می\u{200c}خواهم"] {
            assert_eq!((of_claim(text).as_deref(), check(text)), (Some(text), Ok(())));
        }
        for nothing in ["", " \t", "\u{0}", "\u{200b}\u{ad}", "\u{200d}", "\u{3164}"] {
            assert!(of_claim(nothing).is_none() && check(nothing).is_err(), "{nothing:?}");
        }
    }
}
