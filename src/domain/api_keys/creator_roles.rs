//! The status of a key, and the role that it inherits.

use super::model::ApiKey;
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, PermissionNames, PermissionSet, RoleName};
use crate::base::sql::text_enum;
use crate::base::time::Timestamp;
use crate::domain::access::{KeyLimits, Reach};
use crate::domain::tenancy::PersonStatus;

text_enum! {
    /// Where a key stands.
    KeyStatus {
        /// It works.
        Active = "active",
        /// Stopped for now.
        Disabled = "disabled",
        /// Stopped for good.
        Revoked = "revoked",
        /// Past its expiry.
        Expired = "expired",
        /// Its creator lost access; an admin can transfer it.
        Orphaned = "orphaned",
    }
}

/// The current roles of a key's creator.
#[derive(Clone, Copy, Debug)]
pub struct CreatorRoles {
    /// `None` when the creator is no member.
    pub organization_role: Option<OrganizationRole>,
    /// The role in the workspace, whether or not the creator can act. `None` without one.
    pub role: Option<HeldRole>,
    /// Whether the creator can act. The keys of a person who can't have no role.
    pub status: PersonStatus,
}

impl CreatorRoles {
    /// Returns the roles in the organization and in the workspace, whether or not the creator can act.
    pub(super) fn given(self) -> Option<(OrganizationRole, HeldRole)> {
        Some((self.organization_role?, self.role?))
    }
}

/// Returns the status at `now`. A permanent status takes precedence.
pub(super) fn status_of(
    is_revoked: bool,
    expires_at: Option<Timestamp>,
    is_disabled: bool,
    has_role: bool,
    now: Timestamp,
) -> KeyStatus {
    if is_revoked {
        KeyStatus::Revoked
    } else if expires_at.is_some_and(|end| end <= now) {
        KeyStatus::Expired
    } else if is_disabled {
        KeyStatus::Disabled
    } else if !has_role {
        KeyStatus::Orphaned
    } else {
        KeyStatus::Active
    }
}

impl ApiKey {
    /// Returns the key's status at `now`. A permanent status takes precedence.
    pub fn status(&self, creator: CreatorRoles, now: Timestamp) -> KeyStatus {
        let has_role = self.owners(creator).is_some();
        status_of(self.revoked_at.is_some(), self.expires_at, self.disabled_at.is_some(), has_role, now)
    }

    /// Returns the roles of its owner that the key depends on now; `None` when it is orphaned.
    fn owners(&self, creator: CreatorRoles) -> Option<(OrganizationRole, HeldRole)> {
        let is_orphaned = self.orphaned_at.is_some() || !creator.status.can_act();
        creator.given().filter(|_| !is_orphaned)
    }

    /// Returns the roles that the key inherits now, with what its limits leave of the permissions, before its scope.
    /// `None` when it is orphaned.
    pub fn inherited(
        &self,
        creator: CreatorRoles,
        catalog: &PermissionCatalog,
    ) -> Option<(OrganizationRole, HeldRole)> {
        self.owners(creator).map(|owners| self.lowered(owners, catalog))
    }

    fn lowered(
        &self,
        (organization, role): (OrganizationRole, HeldRole),
        catalog: &PermissionCatalog,
    ) -> (OrganizationRole, HeldRole) {
        let limits = self.limits();
        let permissions = limits.most(catalog, role.permissions);
        // An API behind Keyward may decide by the role alone: it must not say more than the permissions.
        let name = match role.name {
            RoleName::BuiltIn(role) if limits != KeyLimits::default() => {
                RoleName::BuiltIn(role.min(catalog.standing(permissions)))
            }
            name => name,
        };
        (limits.lower(organization), HeldRole { name, permissions })
    }

    /// Returns the name of the role in the workspace that the key inherits now; `None` when it is orphaned.
    pub fn inherited_role(&self, creator: CreatorRoles, catalog: &PermissionCatalog) -> Option<RoleName> {
        self.inherited(creator, catalog).map(|(_, role)| role.name)
    }

    /// Returns what the key's own list may name: what its owner has now, within the role limit. Nothing for an orphaned key.
    pub(super) fn may_list(&self, creator: CreatorRoles, catalog: &PermissionCatalog) -> PermissionSet {
        let limits = KeyLimits { permissions: None, ..self.limits() };
        self.owners(creator).map_or(PermissionSet::EMPTY, |(_, role)| limits.most(catalog, role.permissions))
    }

    /// Returns the most that holders of the key's present value have had by it: what it has now, or had
    /// last if it is orphaned or its creator is disabled. `None` when that is not known, as for a key without a role now.
    pub(super) fn had(&self, creator: CreatorRoles, catalog: &PermissionCatalog) -> Option<PermissionNames> {
        if self.orphaned_at.is_none() {
            let (_, role) = self.lowered(creator.given()?, catalog);
            return Some(catalog.names_of(catalog.kept_by(self.scope, role.permissions)));
        }
        let had = match (&self.last_permissions, self.role_limit) {
            (Some(names), _) => catalog.set_of(names),
            // Orphaned by an earlier version, which noted a role.
            (None, Some(limit)) => catalog.limit(limit),
            (None, None) => return None,
        };
        Some(catalog.names_of(catalog.kept_by(self.scope, self.limits().most(catalog, had))))
    }

    /// The most that the key has, also when its owner's role rises.
    pub(super) fn limits(&self) -> KeyLimits {
        KeyLimits { role: self.role_limit, permissions: self.permissions.clone() }
    }

    /// Returns how far the key reaches.
    pub(super) fn reach(&self, creator: CreatorRoles, catalog: &PermissionCatalog) -> Reach {
        let permissions = self.inherited(creator, catalog).map(|(_, role)| role.permissions);
        Reach { permissions, ..self.own_reach() }
    }

    /// Returns how far the key reaches by itself, without a role.
    pub(super) fn own_reach(&self) -> Reach {
        Reach {
            permissions: None,
            limits: self.limits(),
            scope: self.scope,
            ends_at: self.expires_at,
            addresses: self.allowed_ips.blocks().collect(),
        }
    }
}
