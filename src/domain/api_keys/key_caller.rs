//! [`KeyCaller`]: the API client that makes a request.

use super::CachedKey;
use crate::base::error::{ApiError, Code};
use crate::base::policy::{OrganizationRole, PermissionRef, RoleName};
use crate::base::time::Timestamp;
use crate::domain::access::Presented;
use crate::domain::subscriptions::EffectiveSubscription;
use crate::domain::usage::Hour;
use crate::infra::rate_limit::Subject;
use std::ops::Deref;
use std::sync::Arc;

/// An API client: its key (by `Deref`) and the key's rights at the time of verification. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KeyCaller {
    key: Arc<CachedKey>,
    pub organization_role: OrganizationRole,
    /// The role that the key inherits in its workspace.
    pub role: RoleName,
    pub subscription: EffectiveSubscription,
    /// Which of the key's subscriptions counts.
    choice: usize,
    /// When the key was verified.
    pub hour: Hour,
    pub(super) presented: Presented,
}

impl KeyCaller {
    /// Makes the caller of a key that is verified at `now`.
    pub fn new(
        key: Arc<CachedKey>,
        organization_role: OrganizationRole,
        role: RoleName,
        now: Timestamp,
        presented: Presented,
    ) -> Self {
        let (choice, subscription) = key.subscription_at(now);
        Self { key, organization_role, role, subscription, choice, hour: Hour::of(now), presented }
    }

    /// Returns the cached key.
    pub fn shared(&self) -> &Arc<CachedKey> {
        &self.key
    }

    /// Returns the organization's plan at the time of verification.
    pub fn plan(&self) -> &str {
        self.key.plan(self.choice)
    }

    pub fn into_key(self) -> Arc<CachedKey> {
        self.key
    }

    /// Returns the subject that the rate limits charge for a request of this key.
    pub fn rate_limit_subject(&self) -> Subject<'_> {
        Subject { key: &self.key_id, workspace: &self.workspace_id, plan: self.plan() }
    }

    /// Checks that the key has the permission in its workspace. Cost: one look into a set of bits.
    ///
    /// # Errors
    /// `read_only_key`, `insufficient_permission`
    pub fn ensure_may(&self, permission: impl Into<PermissionRef>) -> Result<(), ApiError> {
        let permission = permission.into();
        if self.permissions().is_some_and(|held| held.contains(permission)) {
            return Ok(());
        }
        Err(if permission.kept_by(self.scope) { Code::InsufficientPermission } else { Code::ReadOnlyKey }.into())
    }
}

impl Deref for KeyCaller {
    type Target = CachedKey;

    fn deref(&self) -> &CachedKey {
        &self.key
    }
}
