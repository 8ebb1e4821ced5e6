//! The authority of API keys, read again when they write.

use super::verify::authorize;
use super::{CachedKey, KeyCaller};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{KeyId, OrganizationId};
use crate::base::policy::{KeyPermissions, Permission, PermissionRef};
use crate::base::sql::Conn;
use crate::domain::access::{Authority, CallerProof, Confirm, Grant, Guard, Locks, Presented, Today};
use std::sync::Arc;

impl KeyCaller {
    /// Returns the proof of this caller.
    pub fn proof(&self) -> CallerProof {
        CallerProof::new(self.shared().clone(), self.presented)
    }

    /// What the key's guard grants: a permission in the key's own workspace, or none in particular.
    pub(in crate::domain) fn authority(&self, permission: Option<PermissionRef>) -> Authority {
        let grant = Grant {
            organization: Some(self.organization_id),
            workspace: Some(self.workspace_id),
            permission,
            ..Grant::default()
        };
        Authority::new(self.proof(), grant)
    }
}

impl Confirm for CachedKey {
    fn lock(&self, grant: &Grant, locks: &mut Locks) {
        // A key that manages keys may change its own row, or one that another key shares.
        let manages_keys = manages_keys(grant);
        locks.add("users", self.creator_id, "SHARE");
        locks.add_organization(&Grant { is_exclusive: grant.is_exclusive || manages_keys, ..*grant });
        locks.add("api_keys", self.key_id, "KEY SHARE");
    }

    fn confirm(&self, conn: &mut Conn, presented: &Presented, grant: &Grant, today: Today<'_>) -> Result<(), ApiError> {
        let found =
            Self::find(conn, today.catalog, &presented.hash, Arc::new)?.filter(|found| found.key_id == self.key_id);
        let found = Arc::new(found.ok_or(Code::InvalidApiKey)?);
        let caller = authorize(found, *presented, today.now).map_err(|refused| refused.error)?;
        if presented.is_gated && !caller.subscription.admits {
            return Err(Code::SubscriptionInactive.into());
        }
        if caller.creator_id != self.creator_id {
            // The key was transferred meanwhile, and its new creator is not locked. The same request again succeeds.
            return Err(ApiError::unavailable_because("the key was transferred during the request"));
        }
        if let Some(permission) = grant.permission {
            caller.ensure_may(permission)?;
        }
        let has = caller.permissions().map(KeyPermissions::granted).unwrap_or_default();
        let is_lower = grant.permissions.is_some_and(|granted| !granted.is_subset(has))
            || grant.organization_role.is_some_and(|granted| caller.organization_role < granted);
        if is_lower {
            return Err(Code::InsufficientPermission.into());
        }
        if manages_keys(grant) && caller.reach() != self.reach() {
            // The reach bounds what the key gives to other keys. The same request again is held against today's.
            return Err(ApiError::unavailable_because("the key was changed during the request"));
        }
        Ok(())
    }
}

fn manages_keys(grant: &Grant) -> bool {
    let about_keys = [Permission::KeysOwn, Permission::KeysManage].map(Permission::reference);
    grant.permission.is_some_and(|permission| about_keys.contains(&permission))
}

/// A user who presents a key, whatever the key's status.
#[derive(Clone, Copy, Debug)]
pub struct PresentedKeyOwner {
    key_id: KeyId,
    organization_id: OrganizationId,
    hash: [u8; 32],
}

impl PresentedKeyOwner {
    /// Makes the guard of a known key and the hash of its presented value.
    pub fn new(key: &CachedKey, hash: [u8; 32]) -> Self {
        Self { key_id: key.key_id, organization_id: key.organization_id, hash }
    }

    pub fn key_id(&self) -> KeyId {
        self.key_id
    }
}

impl Guard for PresentedKeyOwner {
    fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    fn authority(&self) -> Authority {
        let caller = CallerProof::new(Arc::new(*self), Presented::default());
        Authority::new(caller, Grant { organization: Some(self.organization_id), ..Grant::default() })
    }
}

impl Confirm for PresentedKeyOwner {
    fn lock(&self, _: &Grant, locks: &mut Locks) {
        locks.add("api_keys", self.key_id, "UPDATE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, _: &Grant, today: Today<'_>) -> Result<(), ApiError> {
        let found =
            CachedKey::find(conn, today.catalog, &self.hash, Arc::new)?.filter(|found| found.key_id == self.key_id);
        let is_known = found.is_some_and(|found| found.status_at(today.now).is_some());
        if is_known { Ok(()) } else { Err(Code::InvalidApiKey.into()) }
    }
}
