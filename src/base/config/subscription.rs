//! `[subscription]`: the subscription gate, and the trial.

use serde::{Deserialize, Serialize};

/// `[subscription]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSettings {
    /// Whether API clients of organizations without an active subscription get 403.
    pub enforce: bool,
    /// How long a new organization's trial lasts, in days.
    pub trial_days: u16,
    /// The most trials of one person. An organization beyond starts expired, on the plan `free`.
    pub trials_per_person: u32,
}
