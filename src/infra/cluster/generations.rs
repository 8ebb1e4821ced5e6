//! [`Generations`]: what makes a cached value too old.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many counters there are. Groups that share one only cost each other a read of the database now and then.
const SLOTS: usize = 1 << 16;

/// When each group's access changed last, counted in changes that this node knows of.
///
/// A value is read from the database *after* [`Generations::now`] was taken, and is good while its group has not changed
/// since. So a value that was read before a change can't enter late and stay: it comes with too low a number.
///
/// The counters are 512 kB, whatever the number of organizations: a group has the counter of its hash.
#[derive(Debug)]
pub struct Generations {
    latest: AtomicU64,
    /// Values from before this are all too old.
    floor: AtomicU64,
    slots: Box<[AtomicU64]>,
}

/// The moment before a read of the database, in changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// The counter of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u16);

impl Slot {
    /// The counter of the group with this name.
    pub fn of(group: &str) -> Self {
        // The low half of a CRC is as evenly spread as any.
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
    /// To be taken before the database is read.
    pub fn now(&self) -> Generation {
        Generation(self.latest.load(Ordering::Acquire))
    }

    /// Whether what was read at `read` still counts. Two loads.
    pub fn is_current(&self, slot: Slot, read: Generation) -> bool {
        let changed = self.slots[usize::from(slot.0)].load(Ordering::Acquire);
        changed <= read.0 && self.floor.load(Ordering::Acquire) <= read.0
    }

    /// The group's access changed, and the change is committed: what was read before is too old.
    pub fn advance(&self, slot: Slot) {
        let change = self.next();
        self.slots[usize::from(slot.0)].fetch_max(change, Ordering::AcqRel);
    }

    /// Anything may have changed.
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
