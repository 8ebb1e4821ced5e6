//! [`RefreshPolicy`] and [`Budget`]: how often keys are fetched.

use crate::base::time::Timestamp;
use std::time::Duration;

/// The policy for the keys of issuers.
pub(crate) const ISSUERS: RefreshPolicy = RefreshPolicy {
    least_fresh: Duration::from_secs(60),
    burst: 5,
    after_success: Duration::from_secs(30),
    after_failure: Duration::from_secs(5),
    meanwhile: Meanwhile::Unavailable,
};

/// Limits how often keys are fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshPolicy {
    /// The minimum time that a set is fresh, and the time for a response without `max-age`.
    pub(crate) least_fresh: Duration,
    /// How many fetches may follow one another at once. Those of a set that is not fresh any more may always be made.
    pub(crate) burst: u32,
    /// The time after which one more fetch may be made.
    pub(crate) after_success: Duration,
    /// The minimum time between a failed fetch and the next.
    pub(crate) after_failure: Duration,
    /// The answer to a key that a fresh set lacks while no fetch may be made.
    pub(crate) meanwhile: Meanwhile,
}

/// An answer to an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// There is no such key.
    Unknown,
    /// The key may have been published since: try again.
    Unavailable,
}

/// The fetches that may be made now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: u32,
    /// When `left` was right.
    at: Option<Timestamp>,
}

impl Budget {
    pub(super) fn full(policy: &RefreshPolicy) -> Self {
        Self { left: policy.burst, at: None }
    }

    /// Returns the budget after the regained fetches, with the start of the next one's time.
    fn at(self, now: Timestamp, policy: &RefreshPolicy) -> Self {
        let (Some(at), true) = (self.at, self.left < policy.burst) else { return Self { at: Some(now), ..self } };
        let millis = i64::try_from(policy.after_success.as_millis()).unwrap_or(i64::MAX).max(1);
        let regained = u32::try_from((now.millis() - at.millis()).max(0) / millis).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(regained).min(policy.burst);
        Self { left, at: Some(at.plus(policy.after_success.saturating_mul(regained))) }
    }

    pub(super) fn allows(self, now: Timestamp, policy: &RefreshPolicy) -> bool {
        self.at(now, policy).left > 0
    }

    /// Returns the budget after one more fetch.
    pub(super) fn spent(self, now: Timestamp, policy: &RefreshPolicy) -> Self {
        let budget = self.at(now, policy);
        Self { left: budget.left.saturating_sub(1), ..budget }
    }

    /// Returns how long it takes until a fetch may be made.
    pub(super) fn wait(self, now: Timestamp, policy: &RefreshPolicy) -> Duration {
        let budget = self.at(now, policy);
        match budget.at {
            Some(at) if budget.left == 0 => {
                let end = at.plus(policy.after_success).millis();
                Duration::from_millis(u64::try_from(end - now.millis()).unwrap_or_default())
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Clock;

    #[test]
    fn a_budget_is_a_burst_and_then_one_fetch_at_a_time() {
        let start = Clock::system().now();
        let after = |seconds: u64| start.plus(Duration::from_secs(seconds));
        let mut budget = Budget::full(&ISSUERS);
        for _ in 0..5 {
            assert!(budget.allows(start, &ISSUERS));
            budget = budget.spent(start, &ISSUERS);
        }
        assert!(!budget.allows(start, &ISSUERS) && !budget.allows(after(29), &ISSUERS));
        assert_eq!(budget.wait(after(10), &ISSUERS), Duration::from_secs(20));
        assert!(budget.allows(after(30), &ISSUERS));
        budget = budget.spent(after(40), &ISSUERS);
        assert!(!budget.allows(after(59), &ISSUERS) && budget.allows(after(60), &ISSUERS), "no time is lost");
        let long_after = budget.spent(after(100_000), &ISSUERS);
        assert!(
            (0..4)
                .try_fold(long_after, |budget, _| budget
                    .allows(after(100_000), &ISSUERS)
                    .then(|| budget.spent(after(100_000), &ISSUERS)))
                .is_some()
        );
        assert!(!budget.allows(start.minus(Duration::from_secs(9)), &ISSUERS), "a clock that was set back");
    }
}
