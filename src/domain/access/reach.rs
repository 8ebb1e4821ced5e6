//! [`Reach`]: how far a credential reaches in its workspace.
//!
//! No credential gives another one more than it has itself: a new key, a rolled one, or one whose expiry, addresses or
//! creator change. [`Reach::excess`] is the one comparison that decides it.

use crate::base::network::AddressBlock;
use crate::base::policy::{CreatorRole, OrganizationRole, PermissionCatalog, PermissionNames, PermissionSet, Scope};
use crate::base::time::Timestamp;

/// How far a credential reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// What it has in the workspace before its scope; `None` for a key without a role, such as an orphaned key.
    pub permissions: Option<PermissionSet>,
    pub limits: KeyLimits,
    pub scope: Scope,
    /// `None` for a credential that can be used without an end.
    pub ends_at: Option<Timestamp>,
    /// The blocks of addresses; none means from anywhere.
    pub addresses: Vec<AddressBlock>,
}

/// The most that a key has, also when its owner's role rises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// The most that it inherits from its creator. `None` for no limit. Only transfers of earlier versions set it.
    pub role: Option<CreatorRole>,
    /// The key's own list. `None` for no limit.
    pub permissions: Option<PermissionNames>,
}

impl KeyLimits {
    /// Returns what a key has of its owner's permissions.
    pub fn most(&self, catalog: &PermissionCatalog, owners: PermissionSet) -> PermissionSet {
        let limited = self.role.map_or(owners, |limit| owners.intersection(catalog.limit(limit)));
        self.permissions.as_ref().map_or(limited, |names| limited.intersection(catalog.set_of(names)))
    }

    /// Returns the organization role that a key has of its owner's. A key with a list stands as a member: the list has
    /// nothing of the organization's.
    pub fn lower(&self, owners: OrganizationRole) -> OrganizationRole {
        match self.permissions {
            Some(_) => OrganizationRole::Member,
            None => self.role.map_or(owners, |limit| limit.lower(owners)),
        }
    }

    /// Whether a key with these limits may come to have more than one with the others.
    fn exceed(&self, other: &Self) -> bool {
        let higher = other.role.is_some_and(|most| self.role.is_none_or(|own| own > most));
        let wider = other.permissions.as_ref().is_some_and(|most| {
            let is_within = |own: &PermissionNames| own.iter().all(|name| most.iter().any(|known| known == name));
            self.permissions.as_ref().is_none_or(|own| !is_within(own))
        });
        higher || wider
    }
}

/// In what one credential reaches further than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Permissions,
    Scope,
    Life,
    Addresses,
}

impl Reach {
    /// The reach of a person, who is bounded by the role only.
    pub(super) fn of_person(permissions: PermissionSet) -> Self {
        Self {
            permissions: Some(permissions),
            limits: KeyLimits::default(),
            scope: Scope::Full,
            ends_at: None,
            addresses: Vec::new(),
        }
    }

    /// Returns in what this reaches further than `other`; nothing if it is within it.
    pub fn excess(&self, other: &Self) -> Vec<Excess> {
        let none = PermissionSet::EMPTY;
        let has_more = !self.permissions.unwrap_or(none).is_subset(other.permissions.unwrap_or(none));
        let longer = other.ends_at.is_some_and(|end| self.ends_at.is_none_or(|own| own > end));
        let wider = match (self.addresses.is_empty(), other.addresses.is_empty()) {
            (_, true) => false,
            (true, false) => true,
            (false, false) => !AddressBlock::cover(&other.addresses, &self.addresses),
        };
        [
            (Excess::Permissions, has_more || self.limits.exceed(&other.limits)),
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
    use crate::base::policy::{Permission, WorkspaceRole};

    fn set(role: WorkspaceRole) -> PermissionSet {
        PermissionCatalog::compile([]).unwrap().built_in(role)
    }

    fn limits(role: Option<CreatorRole>, names: Option<&[&str]>) -> KeyLimits {
        let permissions = names.map(|names| PermissionNames(names.iter().map(|name| (*name).to_owned()).collect()));
        KeyLimits { role, permissions }
    }

    fn key(addresses: &[&str]) -> Reach {
        let addresses = addresses.iter().map(|block| block.parse().unwrap()).collect();
        Reach { addresses, ..Reach::of_person(set(WorkspaceRole::Editor)) }
    }

    #[test]
    fn each_kind_of_excess_is_found_alone() {
        let least = Reach {
            limits: limits(Some(CreatorRole::Editor), Some(&["a:b", "c:d"])),
            scope: Scope::ReadOnly,
            ends_at: Some(Timestamp::EPOCH),
            ..key(&["10.0.0.0/8"])
        };
        assert_eq!(least.excess(&least), []);
        let with_role = |role| KeyLimits { role: Some(role), ..least.limits.clone() };
        let more = [
            (Excess::Permissions, Reach { permissions: Some(set(WorkspaceRole::Admin)), ..least.clone() }),
            (Excess::Permissions, Reach { limits: KeyLimits { role: None, ..least.limits.clone() }, ..least.clone() }),
            (Excess::Permissions, Reach { limits: with_role(CreatorRole::Admin), ..least.clone() }),
            (
                Excess::Permissions,
                Reach { limits: KeyLimits { permissions: None, ..least.limits.clone() }, ..least.clone() },
            ),
            (
                Excess::Permissions,
                Reach { limits: limits(least.limits.role, Some(&["a:b", "c:d", "e:f"])), ..least.clone() },
            ),
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
        assert_eq!(Reach { permissions: None, ..least.clone() }.excess(&least), []);
        let one_less = PermissionSet::EMPTY.with(Permission::KeysManage.reference());
        let other = Reach { permissions: Some(one_less), ..least.clone() };
        assert_eq!(other.excess(&least), [Excess::Permissions]);
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
