//! [`Reach`]: how far a credential reaches in its workspace.
//!
//! No credential gives another one more than it has itself: a new key, a rolled one, or one whose expiry, addresses or
//! creator change. [`Reach::excess`] is the one comparison that decides it.

use crate::base::network::AddressBlock;
use crate::base::policy::{CreatorRole, Scope, WorkspaceRole};
use crate::base::time::Timestamp;

/// How far a credential reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The role in the workspace; `None` for a key without one, such as an orphaned key.
    pub role: Option<WorkspaceRole>,
    /// The most that a key inherits from its creator, also when the creator's role rises. `None` for no limit.
    pub role_limit: Option<CreatorRole>,
    pub scope: Scope,
    /// `None` for a credential that can be used without an end.
    pub ends_at: Option<Timestamp>,
    /// The blocks of addresses; none means from anywhere.
    pub addresses: Vec<AddressBlock>,
}

/// In what one credential reaches further than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Role,
    Scope,
    Life,
    Addresses,
}

impl Reach {
    /// The reach of a person, who is bounded by the role only.
    pub(super) fn of_person(role: WorkspaceRole) -> Self {
        Self { role: Some(role), role_limit: None, scope: Scope::Full, ends_at: None, addresses: Vec::new() }
    }

    /// Returns in what this reaches further than `other`; nothing if it is within it.
    pub fn excess(&self, other: &Self) -> Vec<Excess> {
        let higher_limit = other.role_limit.is_some_and(|most| self.role_limit.is_none_or(|own| own > most));
        let longer = other.ends_at.is_some_and(|end| self.ends_at.is_none_or(|own| own > end));
        let wider = match (self.addresses.is_empty(), other.addresses.is_empty()) {
            (_, true) => false,
            (true, false) => true,
            (false, false) => !AddressBlock::cover(&other.addresses, &self.addresses),
        };
        [
            (Excess::Role, self.role > other.role || higher_limit),
            (Excess::Scope, self.scope == Scope::Full && other.scope == Scope::ReadOnly),
            (Excess::Life, longer),
            (Excess::Addresses, wider),
        ]
        .into_iter()
        .filter_map(|(excess, exceeds)| exceeds.then_some(excess))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(addresses: &[&str]) -> Reach {
        let addresses = addresses.iter().map(|block| block.parse().unwrap()).collect();
        Reach { addresses, ..Reach::of_person(WorkspaceRole::Editor) }
    }

    #[test]
    fn each_kind_of_excess_is_found_alone() {
        let least = Reach {
            role_limit: Some(CreatorRole::Editor),
            scope: Scope::ReadOnly,
            ends_at: Some(Timestamp::EPOCH),
            ..key(&["10.0.0.0/8"])
        };
        assert_eq!(least.excess(&least), []);
        let more = [
            (Excess::Role, Reach { role: Some(WorkspaceRole::Admin), ..least.clone() }),
            (Excess::Role, Reach { role_limit: None, ..least.clone() }),
            (Excess::Role, Reach { role_limit: Some(CreatorRole::Admin), ..least.clone() }),
            (Excess::Scope, Reach { scope: Scope::Full, ..least.clone() }),
            (Excess::Life, Reach { ends_at: None, ..least.clone() }),
            (
                Excess::Life,
                Reach { ends_at: Some(Timestamp::EPOCH.plus(std::time::Duration::from_millis(1))), ..least.clone() },
            ),
            (Excess::Addresses, Reach { addresses: Vec::new(), ..least.clone() }),
            (Excess::Addresses, Reach { addresses: key(&["10.0.0.0/8", "11.0.0.0/8"]).addresses, ..least.clone() }),
        ];
        for (excess, reach) in more {
            assert_eq!(reach.excess(&least), [excess], "{reach:?}");
            assert_eq!(least.excess(&reach), [], "{reach:?}");
        }
        assert_eq!(Reach { role: None, ..least.clone() }.excess(&least), []);
    }

    #[test]
    fn blocks_are_compared_as_sets_of_addresses() {
        let halves = key(&["203.0.113.0/25", "203.0.113.128/25"]);
        assert_eq!(key(&["203.0.113.0/24"]).excess(&halves), []);
        assert_eq!(key(&["203.0.112.0/23"]).excess(&halves), [Excess::Addresses]);
        assert_eq!(key(&["2001:db8::/64"]).excess(&key(&["2001:db8::/48"])), []);
        assert_eq!(key(&["2001:db8::/64"]).excess(&key(&["0.0.0.0/0"])), [Excess::Addresses]);
        assert_eq!(key(&[]).excess(&key(&["0.0.0.0/0", "::/0"])), [Excess::Addresses]);
    }
}
