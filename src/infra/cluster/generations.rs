//! [`Generations`]: decide whether a cached value is too old.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of counters. Groups that share a counter only cost each other a read of the database now and then.
const SLOTS: usize = 1 << 16;

/// The last change of each group's access, numbered by the changes that this node knows of.
///
/// A value is read from the database *after* [`Generations::now`] was taken, and is valid while its group has not
/// changed since. So a value that was read before a change can't enter late and stay: its number is too low.
///
/// The counters take 512 kB for any number of organizations: the hash of a group's name selects its counter.
#[derive(Debug)]
pub struct Generations {
    latest: AtomicU64,
    /// All values from before this change are too old.
    floor: AtomicU64,
    slots: Box<[AtomicU64]>,
}

/// The number of the last known change before a read of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// The counter of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u16);

impl Slot {
    /// Returns the counter of the group with this name.
    pub fn of(group: &str) -> Self {
        // The low half of a CRC is evenly distributed.
        Self((crc32fast::hash(group.as_bytes()) & 0xffff) as u16)
    }
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            latest: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Generations {
    /// Returns the current generation. Must be called before the database is read.
    pub fn now(&self) -> Generation {
        Generation(self.latest.load(Ordering::Acquire))
    }

    /// Returns whether a value that was read at `read` is still valid. Cost: two loads.
    pub fn is_current(&self, slot: Slot, read: Generation) -> bool {
        let changed = self.slots[usize::from(slot.0)].load(Ordering::Acquire);
        changed <= read.0 && self.floor.load(Ordering::Acquire) <= read.0
    }

    /// Makes all earlier values of the group too old, after the commit of a change.
    pub fn advance(&self, slot: Slot) {
        let change = self.next();
        self.slots[usize::from(slot.0)].fetch_max(change, Ordering::AcqRel);
    }

    /// Makes all earlier values of all groups too old.
    pub fn advance_all(&self) {
        let change = self.next();
        self.floor.fetch_max(change, Ordering::AcqRel);
    }

    fn next(&self) -> u64 {
        self.latest.fetch_add(1, Ordering::AcqRel) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_too_old_however_late_it_enters() {
        let generations = Generations::default();
        let (one, other) = (Slot::of("org_1"), Slot::of("org_2"));
        let before = generations.now();
        assert!(generations.is_current(one, before));
        generations.advance(one);
        assert!(!generations.is_current(one, before));
        assert!(generations.is_current(other, before), "another group's values stay");
        let after = generations.now();
        assert!(generations.is_current(one, after));
        generations.advance_all();
        assert!(!generations.is_current(one, after) && !generations.is_current(other, after));
    }
}
