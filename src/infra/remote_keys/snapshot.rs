//! [`Snapshot`]: the result of the last fetches.

use super::pace::{Budget, Meanwhile, RefreshPolicy};
use crate::base::error::ApiError;
use crate::base::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long an expired set serves while no newer set can be fetched.
const MAX_STALE: Duration = Duration::from_secs(3600);

/// The set of the last successful fetch, and when to fetch again.
pub(super) struct Snapshot<S> {
    set: Option<Arc<S>>,
    /// The number of the fetch that brought the set.
    fetch: u64,
    fresh_until: Option<Timestamp>,
    /// After a failed fetch: when the next may be made.
    failed_until: Option<Timestamp>,
    budget: Budget,
}

impl<S> Clone for Snapshot<S> {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), ..*self }
    }
}

impl<S> Snapshot<S> {
    pub(super) fn empty(policy: &RefreshPolicy) -> Self {
        Self { set: None, fetch: 0, fresh_until: None, failed_until: None, budget: Budget::full(policy) }
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.fresh_until.is_some_and(|end| now < end)
    }

    /// Returns whether a fetch that began after the request brought this set, so that it is up to date for it.
    /// `begun` is the number of fetches that had begun before the request.
    pub(super) fn is_newer_than(&self, begun: u64) -> bool {
        self.fetch > begun
    }

    /// Returns what `pick` finds in the set, if it is fresh.
    pub(super) fn fresh<T>(&self, pick: impl Fn(&S) -> Option<T>, now: Timestamp) -> Option<T> {
        self.set.as_deref().filter(|_| self.is_fresh(now)).and_then(pick)
    }

    /// Returns what `pick` finds in the set, if it is not fresh, but still serves.
    pub(super) fn stale<T>(&self, pick: impl Fn(&S) -> Option<T>, now: Timestamp) -> Option<T> {
        let serves = !self.is_fresh(now) && self.fresh_until.is_some_and(|end| now < end.plus(MAX_STALE));
        self.set.as_deref().filter(|_| serves).and_then(pick)
    }

    pub(super) fn may_fetch(&self, now: Timestamp, policy: &RefreshPolicy) -> bool {
        self.failed_until.is_none_or(|end| now >= end) && (!self.is_fresh(now) || self.budget.allows(now, policy))
    }

    /// Returns the answer without a fetch: a set that is not fresh serves; a fresh one lacks the key.
    pub(super) fn answer<T>(
        &self,
        pick: impl Fn(&S) -> Option<T>,
        now: Timestamp,
        policy: &RefreshPolicy,
    ) -> Result<Option<T>, ApiError> {
        if let Some(found) = self.stale(pick, now) {
            return Ok(Some(found));
        }
        if self.failed_until.is_some() || !self.is_fresh(now) {
            return Err(ApiError::unavailable_because("the published keys can't be fetched"));
        }
        match policy.meanwhile {
            Meanwhile::Unknown => Ok(None),
            Meanwhile::Unavailable => {
                let cause = "a key is unknown, and the published keys were fetched too often to look for it now";
                let wait = self.budget.wait(now, policy).as_secs() + 1;
                let mut error = ApiError::unavailable_because(cause);
                error.retry_after = Some(u32::try_from(wait).unwrap_or(u32::MAX));
                Err(error)
            }
        }
    }

    /// Returns the snapshot while a fetch is underway, which counts as failed if its request ends before it.
    pub(super) fn fetching(&self, now: Timestamp, policy: &RefreshPolicy) -> Self {
        Self { budget: self.budget.spent(now, policy), ..self.failed(now, policy) }
    }

    pub(super) fn failed(&self, now: Timestamp, policy: &RefreshPolicy) -> Self {
        Self { failed_until: Some(now.plus(policy.after_failure)), ..self.clone() }
    }

    pub(super) fn fetched(&self, set: S, fetch: u64, fresh_until: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(set)),
            fetch,
            fresh_until: Some(fresh_until),
            failed_until: None,
            budget: self.budget,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::ISSUERS;
    use super::*;
    use crate::base::error::Code;
    use crate::base::time::Clock;

    #[test]
    fn an_unknown_key_is_the_callers_fault_only_while_the_set_is_up_to_date() {
        let now = Clock::system().now();
        let empty = Snapshot::<&str>::empty(&ISSUERS);
        let good = empty.fetched("known", 1, now);
        let failed = good.failed(now.minus(Duration::from_secs(1)), &ISSUERS);
        let patient = RefreshPolicy { meanwhile: Meanwhile::Unknown, ..ISSUERS };
        let outcome = |kept: &Snapshot<&str>, id: &str, at, policy| {
            let found = kept.answer(|set| (*set == id).then_some(()), at, policy);
            found.map_err(|error| error.code)
        };
        let (before, after, late) = (now.minus(Duration::from_secs(1)), now.plus(MAX_STALE / 2), now.plus(MAX_STALE));
        assert_eq!(outcome(&good, "unknown", before, &patient), Ok(None));
        assert_eq!(outcome(&good, "unknown", before, &ISSUERS), Err(Code::Unavailable));
        assert_eq!(outcome(&failed, "unknown", before, &patient), Err(Code::Unavailable));
        assert_eq!(outcome(&failed, "unknown", after, &ISSUERS), Err(Code::Unavailable));
        assert_eq!(outcome(&failed, "known", after, &ISSUERS), Ok(Some(())));
        assert_eq!(outcome(&failed, "known", late, &ISSUERS), Err(Code::Unavailable));
        assert_eq!(outcome(&empty, "known", now, &ISSUERS), Err(Code::Unavailable));
    }

    #[test]
    fn a_fetch_that_is_given_up_counts() {
        let now = Clock::system().now();
        let soon = now.plus(Duration::from_secs(60));
        let mut kept = Snapshot::empty(&ISSUERS).fetched((), 1, soon);
        for _ in 0..5 {
            assert!(kept.may_fetch(now, &ISSUERS));
            let underway = kept.fetching(now, &ISSUERS);
            assert!(!underway.may_fetch(now, &ISSUERS));
            kept = underway.fetched((), 2, soon);
        }
        assert!(!kept.may_fetch(now, &ISSUERS) && kept.may_fetch(soon, &ISSUERS), "an old set is always fetched anew");
    }
}
