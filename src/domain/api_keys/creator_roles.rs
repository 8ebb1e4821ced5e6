//! The status of a key, and the role that it inherits.

use super::model::ApiKey;
use crate::base::policy::{CreatorRole, OrganizationRole, WorkspaceRole, effective_role};
use crate::base::sql::text_enum;
use crate::base::time::Timestamp;
use crate::domain::access::Reach;
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
    /// `None` without a role in the workspace itself.
    pub workspace_role: Option<WorkspaceRole>,
    /// Whether the creator can act. The keys of a person who can't have no role.
    pub status: PersonStatus,
}

impl CreatorRoles {
    /// Returns the roles in the organization and in the workspace, whether or not the creator can act.
    pub(super) fn given(self) -> Option<(OrganizationRole, WorkspaceRole)> {
        let organization = self.organization_role?;
        Some((organization, effective_role(organization, self.workspace_role)?))
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
        let has_role = self.inherited_role(creator).is_some();
        status_of(self.revoked_at.is_some(), self.expires_at, self.disabled_at.is_some(), has_role, now)
    }

    /// Returns the roles that the key inherits now; `None` when it is orphaned.
    pub fn inherited(&self, creator: CreatorRoles) -> Option<(OrganizationRole, WorkspaceRole)> {
        let is_orphaned = self.orphaned_at.is_some() || !creator.status.can_act();
        let (organization, role) = creator.given().filter(|_| !is_orphaned)?;
        Some(self.role_limit.map_or((organization, role), |limit| limit.lower(organization, role)))
    }

    /// Returns the role in the workspace that the key inherits now; `None` when it is orphaned.
    pub fn inherited_role(&self, creator: CreatorRoles) -> Option<WorkspaceRole> {
        self.inherited(creator).map(|(_, role)| role)
    }

    /// Returns the most that holders of the key's present value have had by it: what it inherits now, or did last if it
    /// is orphaned or its creator is disabled. `None` when that is not known, as for a key without a role now.
    pub(super) fn had(&self, creator: CreatorRoles) -> Option<CreatorRole> {
        if self.orphaned_at.is_some() {
            return self.role_limit;
        }
        let (organization, role) = creator.given()?;
        let stands = CreatorRole::of(organization, role);
        Some(self.role_limit.map_or(stands, |limit| limit.min(stands)))
    }

    /// Returns how far the key reaches.
    pub(super) fn reach(&self, creator: CreatorRoles) -> Reach {
        Reach { role: self.inherited_role(creator), ..self.own_reach() }
    }

    /// Returns how far the key reaches by itself, without a role.
    pub(super) fn own_reach(&self) -> Reach {
        Reach {
            role: None,
            role_limit: self.role_limit,
            scope: self.scope,
            ends_at: self.expires_at,
            addresses: self.allowed_ips.blocks().collect(),
        }
    }
}
