//! [`Email`]: an e-mail address in its one normal form. [`TypedEmail`] names an account of an older form, too.
//!
//! The parser is the mailer's ([`lettre::Address`]), so an address that is accepted is the address that gets the mail.
//! The normal form, which all comparisons, limits and columns use:
//!
//! - The text is in NFC (Unicode Standard Annex 15).
//! - The domain is ASCII, as IDNA writes it (UTS 46, not transitional), and so in lower case.
//! - The local part has its ASCII letters in lower case; other letters keep their case. Servers may tell cases apart, but
//!   people don't.
//!
//! A character that is not ASCII and would become ASCII is refused: the Kelvin sign U+212A is no `k`. So is a quoted
//! local part, which would be a second spelling of a plain one.

mod typed;

pub use typed::TypedEmail;

use crate::base::text::shows_nothing;
use icu_normalizer::ComposingNormalizerBorrowed;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use lettre::Address;
use serde::{Deserialize, Deserializer, Serialize};

/// The most bytes of an address in its normal form (RFC 5321, 4.5.3.1, without the angle brackets).
const LIMIT: usize = 254;
/// The most bytes of a text that is parsed. An address in Unicode may be longer than its ASCII.
const TEXT_LIMIT: usize = 4 * LIMIT;

/// An e-mail address in its normal form. Only a delivered mail proves an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Email(String);

impl Email {
    pub fn into_string(self) -> String {
        self.0
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the address for a mail.
    ///
    /// # Errors
    /// None: the normal form was made by the same parser.
    pub fn address(&self) -> Result<Address, lettre::address::AddressError> {
        self.0.parse()
    }
}

/// Returns the normal form of a stored address; the text itself, if an older version stored what is no address.
pub fn normal_form_of(stored: &str) -> String {
    stored.parse().map_or_else(|_| stored.to_owned(), Email::into_string)
}

impl std::str::FromStr for Email {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        normalize(text).map(Self).ok_or_else(|| "must be an e-mail address, such as ada@example.com".into())
    }
}

fn normalize(text: &str) -> Option<String> {
    if text.len() > TEXT_LIMIT || text.chars().any(shows_nothing) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let mut buffer = [0; 4];
    let becomes_ascii = |c: char| !c.is_ascii() && nfc.normalize(c.encode_utf8(&mut buffer)).is_ascii();
    if local.starts_with('"') || local.chars().any(becomes_ascii) || domain.chars().any(is_mapped_to_ascii) {
        return None;
    }
    let local = nfc.normalize(local).to_ascii_lowercase();
    let uts46 = Uts46::new();
    let domain =
        uts46.to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()?;
    let address = Address::new(local, domain).ok()?;
    let normal = address.to_string();
    let (_, top_level) = address.domain().rsplit_once('.')?;
    let is_ip_address = top_level.bytes().all(|byte| byte.is_ascii_digit());
    (normal.len() <= LIMIT && !is_ip_address).then_some(normal)
}

/// Returns whether IDNA writes the character of a domain as ASCII, or leaves it out.
fn is_mapped_to_ascii(c: char) -> bool {
    let mut buffer = [0; 4];
    !c.is_ascii() && {
        let text = c.encode_utf8(&mut buffer).as_bytes();
        Uts46::new().to_unicode(text, AsciiDenyList::EMPTY, Hyphens::Allow).0.is_ascii()
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Email {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(LIMIT))
            .examples(["ada@example.com"])
            .into()
    }
}
impl utoipa::ToSchema for Email {}

#[cfg(test)]
mod tests;
