//! The arithmetic of one limit: GCRA, in its form of a leaking bucket.
//!
//! A bucket holds `used` requests and leaks evenly at the limit's rate. A request is admitted if what it costs still fits
//! under `burst`. This is the continuous-state form of the generic cell rate algorithm (ITU-T I.371, annex A), and admits
//! the same requests as its form with arrival times. It is chosen since a plan's change needs no conversion: what is in the
//! bucket is requests, whatever the rate is that they leak at, and `store.lua` computes the same.

use crate::base::config::Plan;
use std::time::Duration;

/// Forgives what rounding adds up to, in requests: the last one of a burst fits.
const SLACK: f64 = 1e-6;
const NANOSECONDS_A_MINUTE: f64 = 60e9;

/// How much one limit allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quota {
    /// Requests that leak out of the bucket in a nanosecond.
    pub(super) per_nanosecond: f64,
    /// The most requests in the bucket.
    pub(super) burst: u32,
}

impl Quota {
    pub(super) fn new(requests_per_minute: u32, burst: u32) -> Self {
        Self { per_nanosecond: f64::from(requests_per_minute) / NANOSECONDS_A_MINUTE, burst }
    }

    /// A key's and a workspace's.
    pub(super) fn of_plan(plan: &Plan) -> (Self, Self) {
        let (rate, burst) = plan.workspace_limit();
        (Self::new(plan.requests_per_minute, plan.burst), Self::new(rate, burst))
    }

    pub(super) fn fits(&self, used: f64, cost: f64) -> bool {
        used + cost <= f64::from(self.burst) + SLACK
    }

    /// How long this many requests take to leak.
    pub(super) fn time_for(&self, requests: f64) -> Duration {
        // To the nearest: a cast cuts off, without a call of the mathematical library.
        Duration::from_nanos(((requests / self.per_nanosecond).max(0.0) + 0.5) as u64)
    }

    /// How long a full bucket takes to run empty.
    pub(super) fn window(&self) -> Duration {
        self.time_for(f64::from(self.burst))
    }

    /// What a caller is told.
    pub(super) fn standing(&self, used: f64) -> LimitStatus {
        let free = f64::from(self.burst) - used;
        // Cut off, and zero for less than nothing.
        let remaining = (free + SLACK) as u32;
        let next = if used > SLACK { f64::from(remaining) + 1.0 - free } else { 0.0 };
        LimitStatus { limit: self.burst, remaining, next_in: self.time_for(next) }
    }
}

/// Where a caller stands with one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    /// The most requests that can come at once.
    pub limit: u32,
    /// How many can come at once now.
    pub remaining: u32,
    /// When one more can; zero if nothing is used.
    pub next_in: Duration,
}

/// What is used of one limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    used: f64,
    /// When that was so, in nanoseconds of a clock that never goes back.
    at: u64,
}

impl Bucket {
    pub(super) const EMPTY: Self = Self { used: 0.0, at: 0 };

    /// What is used now. More than the plan's burst was used under a plan with a larger one, and counts as all of it.
    pub(super) fn used(&self, quota: &Quota, now: u64) -> f64 {
        let elapsed = now.saturating_sub(self.at) as f64;
        (self.used.min(f64::from(quota.burst)) - elapsed * quota.per_nanosecond).max(0.0)
    }

    pub(super) fn set(&mut self, used: f64, now: u64) {
        // Another thread may have read the clock earlier and come here later.
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
        assert_eq!(quota.standing(0.0), full);
        let expected = LimitStatus { limit: 10, remaining: 7, next_in: seconds(1) };
        assert_eq!(quota.standing(3.0), expected);
        let half = Duration::from_millis(500);
        let expected = LimitStatus { limit: 10, remaining: 0, next_in: half };
        assert_eq!(quota.standing(9.5), expected);
    }
}
