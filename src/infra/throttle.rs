//! [`Throttle`]: limits how often something may happen, by GCRA, in bounded memory of this node.

use crate::base::time::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// The most buckets, which take some megabytes.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// The limit on one kind of event, with buckets that refill evenly.
pub(crate) struct Throttle {
    /// In milliseconds.
    window: i64,
    /// Hashes the names of buckets under a random key, so that callers can't aim at collisions.
    hasher: RandomState,
    /// When each bucket is empty again, in milliseconds (GCRA's theoretical arrival time).
    ends: Mutex<HashMap<u64, i64>>,
}

/// The buckets that were charged, and the cost in each.
pub(crate) struct Permit(Vec<(u64, i64)>);

impl Throttle {
    /// Creates a throttle with nothing used. A full bucket is empty after `window`.
    pub(crate) fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        Self { window, hasher: RandomState::new(), ends: Mutex::default() }
    }

    /// Returns the key that the bucket of a thing is kept under.
    pub(crate) fn key_of(&self, thing: impl Hash) -> u64 {
        self.hasher.hash_one(thing)
    }

    /// Charges one event to each bucket, or to none if one of them has no room.
    ///
    /// # Errors
    /// The time until the same charge would succeed.
    pub(crate) fn charge(&self, wanted: &[(impl Hash, u32)], now: Timestamp) -> Result<Permit, Duration> {
        let now = now.millis();
        let mut ends = self.ends.lock();
        let mut charges = Vec::with_capacity(wanted.len());
        let mut wait = 0;
        for (bucket, limit) in wanted {
            let cost = (self.window / i64::from(*limit).max(1)).max(1);
            let key = self.key_of(bucket);
            let end = ends.get(&key).copied().unwrap_or(now).max(now) + cost;
            // A window is not always a multiple of the limit, but the last event must still fit.
            wait = wait.max(end - now - self.window.max(cost));
            charges.push((key, cost, end));
        }
        if wait > 0 {
            return Err(Duration::from_millis(wait.unsigned_abs()));
        }
        evict(&mut ends, now);
        for (key, _, end) in &charges {
            ends.insert(*key, *end);
        }
        Ok(Permit(charges.into_iter().map(|(key, cost, _)| (key, cost)).collect()))
    }

    /// Undoes a charge.
    pub(crate) fn give_back(&self, charge: Permit) {
        let mut ends = self.ends.lock();
        for (key, cost) in charge.0 {
            if let Some(end) = ends.get_mut(&key) {
                *end -= cost;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ends.lock().len()
    }
}

/// Makes room once there are [`MAX_ENTRIES`]: removes empty buckets, and if that is not enough, the half that would be
/// empty first. An attacker with ever new addresses displaces buckets with one attempt in them, not nearly full ones.
pub(crate) fn evict(ends: &mut HashMap<u64, i64>, now: i64) {
    if ends.len() < MAX_ENTRIES {
        return;
    }
    ends.retain(|_, end| *end > now);
    if ends.len() >= MAX_ENTRIES / 2 {
        let mut sorted: Vec<i64> = ends.values().copied().collect();
        let middle = sorted.len() / 2;
        let (_, median, _) = sorted.select_nth_unstable(middle);
        let median = *median;
        let mut excess = ends.len() / 2;
        ends.retain(|_, end| {
            let goes = *end <= median && excess > 0;
            excess -= usize::from(goes);
            !goes
        });
    }
}
