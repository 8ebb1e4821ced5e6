//! [`Lease`]: how long this node may answer from memory.

use crate::base::time::nanoseconds;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Until when this node may serve from its cache, on its own monotonic clock.
#[derive(Debug, Default)]
pub struct Lease {
    /// Nanoseconds of [`crate::base::time::Clock::monotonic`]; 0 while there is none.
    until: AtomicU64,
    /// When the last completed round trip was sent.
    sent: AtomicU64,
}

impl Lease {
    /// A round trip that was sent at `sent` has completed, and all that it brought is known. Never shortens the lease.
    pub(super) fn extend(&self, sent: Duration, length: Duration) {
        self.sent.fetch_max(nanoseconds(sent), Ordering::AcqRel);
        self.until.fetch_max(nanoseconds(sent + length), Ordering::AcqRel);
    }

    /// Ends it: this node leaves.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether the cache may be used at `now`, which the caller read after the request came in.
    ///
    /// Must be asked before the generation: a lease that holds then tells that every change up to its round trip is
    /// already in the generations.
    pub fn holds(&self, now: impl FnOnce() -> Duration) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != 0 && nanoseconds(now()) < until
    }

    /// How long ago the last completed round trip was sent; `None` before the first.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        match self.sent.load(Ordering::Acquire) {
            0 => None,
            sent => Some(now.saturating_sub(Duration::from_nanos(sent))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_when_its_round_trip_was_sent() {
        let (lease, length) = (Lease::default(), Duration::from_millis(900));
        assert!(!lease.holds(|| Duration::from_secs(5)));
        lease.extend(Duration::from_secs(5), length);
        assert!(lease.holds(|| Duration::from_millis(5_899)));
        assert!(!lease.holds(|| Duration::from_millis(5_900)));
        lease.extend(Duration::from_secs(4), length);
        assert!(lease.holds(|| Duration::from_millis(5_899)), "an older one does not shorten it");
        lease.end();
        assert!(!lease.holds(|| Duration::from_secs(5)));
    }
}
