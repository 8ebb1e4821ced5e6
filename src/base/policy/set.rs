//! [`PermissionSet`]: a set of permissions as bits, which costs no allocation and no comparison of text.

use super::scope::Scope;

/// A permission by its place in a catalogue. Good for that catalogue only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionRef {
    place: u8,
    is_read: bool,
}

impl PermissionRef {
    pub(super) fn new(place: u8, name: &str) -> Self {
        Self { place, is_read: name.ends_with(":read") }
    }

    /// The place in the catalogue.
    pub fn place(self) -> usize {
        usize::from(self.place)
    }

    /// Returns whether the permission only reads: its name ends in `:read`.
    pub fn is_read(self) -> bool {
        self.is_read
    }

    /// Returns whether a key of this scope keeps the permission: a `read_only` key keeps those that only read.
    pub fn kept_by(self, scope: Scope) -> bool {
        scope == Scope::Full || self.is_read
    }
}

/// A set of permissions of one catalogue: one bit for each place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionSet([u64; 4]);

impl PermissionSet {
    /// The most permissions of a catalogue.
    pub const CAPACITY: usize = 256;
    /// No permission.
    pub const EMPTY: Self = Self([0; 4]);

    /// Returns the set with one more permission.
    #[must_use]
    pub fn with(mut self, permission: PermissionRef) -> Self {
        self.0[permission.place() / 64] |= 1 << (permission.place() % 64);
        self
    }

    /// Returns whether the permission is in the set.
    pub fn contains(self, permission: impl Into<PermissionRef>) -> bool {
        let place = permission.into().place();
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    /// Returns the permissions of both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.zip(other, |own, other| own & other)
    }

    /// Returns the permissions of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.zip(other, |own, other| own | other)
    }

    /// Returns the permissions that the other set lacks.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        self.zip(other, |own, other| own & !other)
    }

    /// Returns whether the other set has all of these.
    pub fn is_subset(self, other: Self) -> bool {
        self.difference(other) == Self::EMPTY
    }

    /// Returns the places of its permissions, in order.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |place| self.0[place / 64] >> (place % 64) & 1 == 1)
    }

    fn zip(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let mut combined = self;
        for (own, other) in combined.0.iter_mut().zip(other.0) {
            *own = combine(*own, other);
        }
        combined
    }
}

impl FromIterator<PermissionRef> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = PermissionRef>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set_of(places: &BTreeSet<u8>) -> PermissionSet {
        places.iter().map(|place| PermissionRef::new(*place, "a:b")).collect()
    }

    fn places(set: PermissionSet) -> BTreeSet<u8> {
        set.places().map(|place| place as u8).collect()
    }

    proptest! {
        /// The sets behave as sets of numbers do.
        #[test]
        fn bits_behave_as_a_set(one: BTreeSet<u8>, other: BTreeSet<u8>, place: u8) {
            let (left, right) = (set_of(&one), set_of(&other));
            prop_assert_eq!(places(left), one.clone());
            prop_assert_eq!(places(left.intersection(right)), &one & &other);
            prop_assert_eq!(places(left.union(right)), &one | &other);
            prop_assert_eq!(places(left.difference(right)), &one - &other);
            prop_assert_eq!(left.is_subset(right), one.is_subset(&other));
            prop_assert_eq!(left.contains(PermissionRef::new(place, "a:b")), one.contains(&place));
        }
    }
}
