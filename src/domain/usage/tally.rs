//! [`Tally`]: the number of requests by outcome. [`Hour`]: a bucket of time.

use crate::base::time::Timestamp;
use std::ops::{AddAssign, SubAssign};

const MILLISECONDS: i64 = 3_600_000;

/// The outcome of a request with regard to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The key was admitted to the endpoint.
    Admitted,
    /// A rate limit was exceeded: 429.
    Limited,
    /// The key was rejected: 401 or 403.
    Refused,
}

/// The number of requests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub admitted: u64,
    pub limited: u64,
    pub refused: u64,
}

impl Tally {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts one request.
    pub(super) fn count(&mut self, outcome: RequestOutcome) {
        match outcome {
            RequestOutcome::Admitted => self.admitted += 1,
            RequestOutcome::Limited => self.limited += 1,
            RequestOutcome::Refused => self.refused += 1,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.admitted += more.admitted;
        self.limited += more.limited;
        self.refused += more.refused;
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, less: Self) {
        self.admitted = self.admitted.saturating_sub(less.admitted);
        self.limited = self.limited.saturating_sub(less.limited);
        self.refused = self.refused.saturating_sub(less.refused);
    }
}

/// An hour of UTC, as whole hours since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub(super) u32);

impl Hour {
    /// Returns the hour of a moment; for a moment before 1970, the first hour of 1970.
    pub fn of(moment: Timestamp) -> Self {
        Self(u32::try_from(moment.millis().div_euclid(MILLISECONDS)).unwrap_or(0))
    }

    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.0) * MILLISECONDS)
            .unwrap_or_else(|| chrono::DateTime::<chrono::Utc>::MAX_UTC.into())
    }

    /// Returns the value of the column `hour`.
    pub(super) fn number(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}
