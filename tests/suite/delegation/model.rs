//! The model of delegated authority that the property test holds the application against.

/// 0 for none, 1 for a viewer, 2 for an editor, 3 for a workspace admin, 4 for an admin of the organization, 5 for an owner.
pub type Rank = u8;

/// The least rank that manages the organization, and so invites.
pub const ORGANIZATION_ADMIN: Rank = 4;
pub const OWNER: Rank = 5;

/// A person in the organization and in its one workspace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Person {
    pub is_member: bool,
    /// `ORGANIZATION_ADMIN`, `OWNER`, or 0 for a plain member.
    pub in_organization: Rank,
    /// What was given in the workspace itself.
    pub in_workspace: Rank,
    pub is_disabled: bool,
}

/// What a key may do at most: `cap` bounds what it inherits, for all time.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub creator: usize,
    pub cap: Rank,
    pub writes: bool,
    /// Seconds since 1970; the maximum for never.
    pub ends_at: i64,
    /// How many of the blocks that the test knows, as nested sets: 0 for anywhere.
    pub narrowness: u8,
    /// Set when its creator was removed.
    pub is_orphaned: bool,
}

/// The model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub people: Vec<Person>,
    pub keys: Vec<Key>,
}

impl Model {
    /// Where a person stands now.
    pub fn stands(&self, person: usize) -> Rank {
        let Person { is_member, in_organization, in_workspace, is_disabled } = self.people[person];
        if is_disabled || !is_member { 0 } else { in_organization.max(in_workspace) }
    }

    /// Whether an invitation of this maker gives this rank in the organization now.
    pub fn gives(&self, maker: usize, rank: Rank) -> bool {
        self.stands(maker) >= rank.max(ORGANIZATION_ADMIN)
    }

    /// What a key reaches now.
    pub fn reaches(&self, key: &Key) -> Rank {
        if key.is_orphaned { 0 } else { self.stands(key.creator).min(key.cap) }
    }

    /// Whether one key has at most what another has, now and whatever rank their creators get.
    pub fn is_within(&self, key: &Key, other: &Key) -> bool {
        let ranks = self.reaches(key).min(3) <= self.reaches(other).min(3) && key.cap <= other.cap;
        ranks && key.writes <= other.writes && key.ends_at <= other.ends_at && key.narrowness >= other.narrowness
    }
}
