//! `[plans.NAME]`: the limits of a plan.

use serde::{Deserialize, Serialize};

/// `[plans.NAME]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sustained rate of one key, in requests a minute.
    pub requests_per_minute: u32,
    /// The most requests of one key at once.
    pub burst: u32,
    /// The sustained rate of all keys of a workspace together, in requests a minute; `None`: five times one key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_requests_per_minute: Option<u32>,
    /// The most requests of a workspace at once; `None`: five times one key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_burst: Option<u32>,
    /// The most active keys in a workspace.
    pub max_active_keys: u32,
}

impl Plan {
    /// A plan without active keys.
    pub(super) const CLOSED: Self = Self {
        requests_per_minute: 1,
        burst: 1,
        workspace_requests_per_minute: None,
        workspace_burst: None,
        max_active_keys: 0,
    };
    /// The default limits of a workspace, as a multiple of one key's.
    const KEYS_IN_A_WORKSPACE: u32 = 5;
    /// One million requests a second.
    const MAX_RATE: u32 = 60_000_000;
    const MAX_BURST: u32 = 10_000_000;

    /// Returns the requests a minute and the burst of all keys of a workspace together.
    pub fn workspace_limit(&self) -> (u32, u32) {
        let several = |of_a_key: u32| of_a_key.saturating_mul(Self::KEYS_IN_A_WORKSPACE);
        (
            self.workspace_requests_per_minute.unwrap_or_else(|| several(self.requests_per_minute)),
            self.workspace_burst.unwrap_or_else(|| several(self.burst)),
        )
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (workspace_rate, workspace_burst) = self.workspace_limit();
        for (name, value, most) in
            [("requests_per_minute", self.requests_per_minute, Self::MAX_RATE), ("burst", self.burst, Self::MAX_BURST)]
        {
            if !(1..=most).contains(&value) {
                return Err(format!("{name}: {value} must be 1 to {most}"));
            }
        }
        for (name, value, of_a_key) in [
            ("workspace_requests_per_minute", workspace_rate, self.requests_per_minute),
            ("workspace_burst", workspace_burst, self.burst),
        ] {
            if value < of_a_key {
                return Err(format!("{name}: {value} must not be below what one key may do, {of_a_key}"));
            }
        }
        Ok(())
    }
}
