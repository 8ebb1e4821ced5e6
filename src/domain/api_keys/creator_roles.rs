//! The status of a key, and the role that it inherits.

use super::model::ApiKey;
use crate::base::policy::{OrganizationRole, WorkspaceRole, effective_role};
use crate::base::sql::text_enum;
use crate::base::time::Timestamp;

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
#[derive(Clone, Copy, Debug, Default)]
pub struct CreatorRoles {
    /// `None` when the creator is no member.
    pub organization_role: Option<OrganizationRole>,
    /// `None` without a role in the workspace itself.
    pub workspace_role: Option<WorkspaceRole>,
    /// Whether the operator has disabled the user.
    pub is_disabled: bool,
}

impl CreatorRoles {
    /// Returns the role that the creator's keys inherit in the workspace.
    pub fn role(self) -> Option<WorkspaceRole> {
        if self.is_disabled {
            return None;
        }
        self.organization_role.and_then(|role| effective_role(role, self.workspace_role))
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

    /// Returns the role that the key inherits now; `None` when it is orphaned.
    pub fn inherited_role(&self, creator: CreatorRoles) -> Option<WorkspaceRole> {
        if self.orphaned_at.is_some() { None } else { creator.role() }
    }
}
