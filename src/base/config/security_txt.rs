//! `[security_txt]`: to whom vulnerabilities are reported (RFC 9116).

use crate::base::text::is_unprintable;
use crate::base::time::Timestamp;
use serde::{Deserialize, Serialize};

/// `[security_txt]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityTxt {
    /// URIs by preference, such as `mailto:security@example.com`. Empty: there is no file.
    pub contact: Vec<String>,
    /// When the file's content ends to hold; RFC 9116 recommends less than a year ahead. Required with a contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl SecurityTxt {
    pub(super) fn check(&self) -> Result<(), String> {
        let is_contact = |uri: &String| {
            let is_plain = !uri.chars().any(|c| c.is_whitespace() || is_unprintable(c));
            is_plain && ["mailto:", "https://", "tel:"].iter().any(|scheme| uri.starts_with(scheme))
        };
        if let Some(uri) = self.contact.iter().find(|uri| !is_contact(uri)) {
            return Err(format!(
                "security_txt.contact: {uri:?} must start with mailto:, https:// or tel:, such as \
                 mailto:security@example.com"
            ));
        }
        if !self.contact.is_empty() && self.expires.is_none() {
            return Err("security_txt.expires: must be there with a contact, such as \"2027-06-30T00:00:00Z\"".into());
        }
        Ok(())
    }
}
