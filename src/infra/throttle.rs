//! [`Throttle`]: counts of what one may do so often, which refill evenly (GCRA), in bounded memory of this node.

use crate::base::time::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// The most buckets: some megabytes.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// The buckets of one kind of thing that is counted.
pub(crate) struct Throttle {
    /// In milliseconds.
    window: i64,
    /// What is counted is kept as a hash under a random key: nobody can aim at a collision.
    hasher: RandomState,
    /// When each bucket is empty again, in milliseconds (GCRA's theoretical arrival time).
    ends: Mutex<HashMap<u64, i64>>,
}

/// What was counted, and what it cost in each bucket.
pub(crate) struct Permit(Vec<(u64, i64)>);

impl Throttle {
    /// With nothing used. A full bucket is empty after `window`.
    pub(crate) fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        Self { window, hasher: RandomState::new(), ends: Mutex::default() }
    }

    /// What a thing is kept as.
    pub(crate) fn key_of(&self, thing: impl Hash) -> u64 {
        self.hasher.hash_one(thing)
    }

    /// Takes one out of each bucket, or, if one of them is used up, out of none.
    ///
    /// # Errors
    /// How long it takes until the same would be counted.
    pub(crate) fn charge(&self, wanted: &[(impl Hash, u32)], now: Timestamp) -> Result<Permit, Duration> {
        let now = now.millis();
        let mut ends = self.ends.lock();
        let mut charges = Vec::with_capacity(wanted.len());
        let mut wait = 0;
        for (bucket, limit) in wanted {
            let cost = (self.window / i64::from(*limit).max(1)).max(1);
            let key = self.key_of(bucket);
            let end = ends.get(&key).copied().unwrap_or(now).max(now) + cost;
            // A window is not always a multiple of the limit: the last one must fit all the same.
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

    /// It does not count after all.
    pub(crate) fn give_back(&self, charge: Permit) {
        let mut ends = self.ends.lock();
        for (key, cost) in charge.0 {
            if let Some(end) = ends.get_mut(&key) {
                *end -= cost;
            }
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ends.lock().len()
    }
}

/// Drops what is over; if that is not enough, the half that would be over first. An attacker who brings ever new
/// addresses displaces buckets with one attempt in them, not those that are nearly full.
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
