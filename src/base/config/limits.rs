//! `[limits]`: how much signed-in people may write.

use super::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[limits]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonLimitSettings {
    /// The most requests of one person that are no reads, in a window.
    pub person_writes: u32,
    /// The most such requests from one client address, in a window.
    pub address_writes: u32,
    /// How long an exhausted limit of writes takes to refill, at an even rate.
    #[serde(with = "duration")]
    pub window: Duration,
    /// The most organizations that one person may create in a day.
    pub organizations_per_day: u32,
}

impl PersonLimitSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { person_writes, address_writes, window, organizations_per_day } = *self;
        if [person_writes, address_writes, organizations_per_day].contains(&0) || window.is_zero() {
            return Err("limits: every limit and the window must be more than 0".into());
        }
        Ok(())
    }
}
