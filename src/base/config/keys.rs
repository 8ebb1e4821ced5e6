//! `[keys]`: the format of API keys, and the role that may create them.

use super::ImportedKeys;
use super::SERVICE_TOKEN_PREFIX;
use crate::base::policy::CreatorRole;
use crate::base::policy::Scope;
use serde::{Deserialize, Serialize};

/// The characters of a key's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyBody {
    /// `0-9A-Za-z`
    Base62,
    /// `0-9a-f`
    Hex,
}

/// `[keys]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The start of every key.
    pub prefix: String,
    pub body: KeyBody,
    /// The number of random characters; a checksum follows.
    pub length: usize,
    /// The headers that may carry a key; `Authorization` means Bearer.
    pub headers: Vec<String>,
    /// The least role that may create keys.
    pub min_creator_role: CreatorRole,
    /// The scopes that keys may have; the first is the default.
    pub scopes: Vec<Scope>,
    /// Whether API keys may manage API keys of their workspace.
    pub manage_with_keys: bool,
    /// The formats of imported keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<ImportedKeys>,
}

impl Keys {
    /// Returns whether `Authorization: Bearer` may carry a key.
    pub fn bearer(&self) -> bool {
        self.headers.iter().any(|name| name.eq_ignore_ascii_case("authorization"))
    }

    /// Returns the headers that carry nothing but a key.
    pub fn own_headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(String::as_str).filter(|name| !name.eq_ignore_ascii_case("authorization"))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let prefix = &self.prefix;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !plain
            || !(2..=32).contains(&prefix.len())
            || prefix.starts_with(SERVICE_TOKEN_PREFIX)
            || prefix.starts_with("ey")
        {
            return Err(format!(
                "keys.prefix: {prefix:?} must be 2 to 32 letters, digits, _ and -, and not start with svc_ or ey"
            ));
        }
        let least = match self.body {
            KeyBody::Base62 => 22,
            KeyBody::Hex => 32,
        };
        if !(least..=128).contains(&self.length) {
            return Err(format!("keys.length: {} must be {least} to 128, for 128 bits of randomness", self.length));
        }
        self.imported.iter().try_for_each(ImportedKeys::check)?;
        if self.scopes.is_empty() {
            return Err("keys.scopes: must name \"full\", \"read_only\" or both".into());
        }
        if self.headers.is_empty() {
            return Err("keys.headers: must name at least one header".into());
        }
        for name in &self.headers {
            if actix_web::http::header::HeaderName::try_from(name.as_str()).is_err() {
                return Err(format!("keys.headers: {name:?} is not a header's name"));
            }
        }
        Ok(())
    }
}
