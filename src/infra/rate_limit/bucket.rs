//! The arithmetic of one limit: GCRA, in its form of a leaking bucket.
//!
//! A bucket holds `used` requests and leaks evenly at the limit's rate. A request is admitted if its cost still fits
//! under `burst`. This is the continuous-state form of the generic cell rate algorithm (ITU-T I.371, annex A), and
//! admits the same requests as its form with arrival times. It is chosen because a change of plan needs no conversion:
//! the bucket counts requests, at whatever rate they leak. `store.lua` computes the same.

use crate::base::config::Plan;
use std::time::Duration;

/// The tolerance for rounding errors, in requests, so that the last request of a burst fits.
const SLACK: f64 = 1e-6;
const NANOSECONDS_A_MINUTE: f64 = 60e9;

/// The rate and the burst of one limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quota {
    /// Requests that leak from the bucket per nanosecond.
    pub(super) per_nanosecond: f64,
    /// The most requests that the bucket holds.
    pub(super) burst: u32,
}

impl Quota {
    pub(super) fn new(requests_per_minute: u32, burst: u32) -> Self {
        Self { per_nanosecond: f64::from(requests_per_minute) / NANOSECONDS_A_MINUTE, burst }
    }

    /// Returns the limit of each key and the limit of each workspace.
    pub(super) fn of_plan(plan: &Plan) -> (Self, Self) {
        let (rate, burst) = plan.workspace_limit();
        (Self::new(plan.requests_per_minute, plan.burst), Self::new(rate, burst))
    }

    pub(super) fn fits(&self, used: f64, cost: f64) -> bool {
        used + cost <= f64::from(self.burst) + SLACK
    }

    /// Returns the time in which this many requests leak.
    pub(super) fn time_for(&self, requests: f64) -> Duration {
        // Adding 0.5 rounds to the nearest, since a cast truncates. `round` would call the math library.
        Duration::from_nanos(((requests / self.per_nanosecond).max(0.0) + 0.5) as u64)
    }

    /// Returns the time in which a full bucket runs empty.
    pub(super) fn window(&self) -> Duration {
        self.time_for(f64::from(self.burst))
    }

    /// Returns the status that the caller sees.
    pub(super) fn status(&self, used: f64) -> LimitStatus {
        let free = f64::from(self.burst) - used;
        // The cast truncates, and turns a negative number into 0.
        let remaining = (free + SLACK) as u32;
        let next = if used > SLACK { f64::from(remaining) + 1.0 - free } else { 0.0 };
        LimitStatus { limit: self.burst, remaining, next_in: self.time_for(next) }
    }
}

/// How much of one limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    /// The burst: the most requests that are allowed at once.
    pub limit: u32,
    /// How many requests are allowed at once now.
    pub remaining: u32,
    /// The time until one more request is allowed; zero if nothing is used.
    pub next_in: Duration,
}

/// The current use of one limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    used: f64,
    /// When `used` was computed, in nanoseconds of the monotonic clock.
    at: u64,
}

impl Bucket {
    pub(super) const EMPTY: Self = Self { used: 0.0, at: 0 };

    /// Returns the requests in the bucket now. An amount above the burst is left from a plan with a larger burst, and
    /// counts as a full bucket.
    pub(super) fn used(&self, quota: &Quota, now: u64) -> f64 {
        let elapsed = now.saturating_sub(self.at) as f64;
        (self.used.min(f64::from(quota.burst)) - elapsed * quota.per_nanosecond).max(0.0)
    }

    pub(super) fn set(&mut self, used: f64, now: u64) {
        // Another thread may read the clock earlier and get the lock later.
        *self = Self { used, at: self.at.max(now) };
    }

    pub(super) fn rested_for(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_says_what_is_left_and_when_there_is_more() {
        let quota = Quota::new(60, 10);
        let seconds = Duration::from_secs;
        let full = LimitStatus { limit: 10, remaining: 10, next_in: seconds(0) };
        assert_eq!(quota.status(0.0), full);
        let expected = LimitStatus { limit: 10, remaining: 7, next_in: seconds(1) };
        assert_eq!(quota.status(3.0), expected);
        let half = Duration::from_millis(500);
        let expected = LimitStatus { limit: 10, remaining: 0, next_in: half };
        assert_eq!(quota.status(9.5), expected);
    }
}
