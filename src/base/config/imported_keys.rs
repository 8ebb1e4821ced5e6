//! `[[keys.imported]]`: formats of keys that another product issued.

use super::SERVICE_TOKEN_PREFIX;
use serde::{Deserialize, Serialize};

/// The largest `max_length`: a header has to hold the key.
const MAX_LENGTH: usize = 512;
const MAX_KEY_PREFIX_LENGTH: usize = 32;

/// `[[keys.imported]]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedKeys {
    /// The start of every key; may be empty.
    pub prefix: String,
    /// The fewest characters after the prefix.
    #[serde(default = "default_min_length")]
    pub min_length: usize,
    /// The most characters after the prefix.
    #[serde(default = "default_max_length")]
    pub max_length: usize,
}

fn default_min_length() -> usize {
    16
}

fn default_max_length() -> usize {
    256
}

impl ImportedKeys {
    pub(super) fn check(&self) -> Result<(), String> {
        let prefix = &self.prefix;
        let is_plain = prefix.len() <= MAX_KEY_PREFIX_LENGTH && prefix.bytes().all(|byte| byte.is_ascii_graphic());
        // `svc_` and `ey` identify service tokens and ID tokens.
        if !is_plain || prefix.starts_with(SERVICE_TOKEN_PREFIX) || prefix.starts_with("ey") || prefix.contains(',') {
            return Err(format!(
                "keys.imported: the prefix {prefix:?} must be at most {MAX_KEY_PREFIX_LENGTH} visible ASCII characters without \
                 a comma, and not start with svc_ or ey"
            ));
        }
        let (least, most) = (self.min_length, self.max_length);
        if least == 0 || least > most || most > MAX_LENGTH {
            return Err(format!(
                "keys.imported: of {prefix:?}, min_length ({least}) and max_length ({most}) must be 1 to {MAX_LENGTH}, in this order"
            ));
        }
        Ok(())
    }
}
