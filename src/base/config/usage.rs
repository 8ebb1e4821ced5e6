//! `[usage]`

use super::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[usage]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageSettings {
    /// How long the hourly counts of requests are kept; 0: for ever.
    #[serde(with = "duration")]
    pub retention: Duration,
}

impl UsageSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.retention.is_zero() && self.retention < Duration::from_secs(86_400) {
            return Err("usage.retention: must be at least 1d, or 0s to keep usage for ever".into());
        }
        Ok(())
    }
}
