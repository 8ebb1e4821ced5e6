//! [`Tally`]: so many of each outcome. [`Hour`]: when.

use crate::base::time::Timestamp;
use std::ops::{AddAssign, SubAssign};

const MILLISECONDS: i64 = 3_600_000;

/// What became of a request, as far as its key is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The key was let through.
    Admitted,
    /// Too many requests.
    Limited,
    /// The key may not do this, or nothing at all.
    Refused,
}

/// How many requests of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Let through.
    pub admitted: u64,
    /// Above a rate limit.
    pub limited: u64,
    /// Refused with 401 or 403.
    pub refused: u64,
}

impl Tally {
    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One more.
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
    /// The one that a moment is in; the first of 1970 for all before it.
    pub fn of(moment: Timestamp) -> Self {
        Self(u32::try_from(moment.millis().div_euclid(MILLISECONDS)).unwrap_or(0))
    }

    /// When it begins.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.0) * MILLISECONDS)
            .unwrap_or_else(|| chrono::DateTime::<chrono::Utc>::MAX_UTC.into())
    }

    /// As rows have it.
    pub(super) fn number(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}
