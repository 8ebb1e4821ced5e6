//! [`Lease`]: how long this node may answer from its cache.

use crate::base::time::nanoseconds;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time until which this node may answer from its cache, on its own monotonic clock.
#[derive(Debug, Default)]
pub struct Lease {
    /// Nanoseconds of [`crate::base::time::Clock::monotonic`]; 0 without a lease.
    until: AtomicU64,
    /// When the last completed round trip was sent, in the same nanoseconds; 0 before the first.
    sent: AtomicU64,
}

impl Lease {
    /// Extends the lease after the round trip that was sent at `sent`, once all its news is applied. Never shortens the
    /// lease.
    pub(super) fn extend(&self, sent: Duration, length: Duration) {
        self.sent.fetch_max(nanoseconds(sent), Ordering::AcqRel);
        self.until.fetch_max(nanoseconds(sent + length), Ordering::AcqRel);
    }

    /// Ends the lease at once.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Returns whether the cache may be used at `now`, which is read after the request came in.
    ///
    /// Must be called before the generation is checked: if the lease holds, every change up to its round trip is
    /// already in the generations.
    pub fn holds(&self, now: impl FnOnce() -> Duration) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != 0 && nanoseconds(now()) < until
    }

    /// Returns how long ago the last completed round trip was sent; `None` before the first.
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
