//! [`KeyCaller`]: the program that makes a request.

use super::CachedKey;
use crate::base::error::{ApiError, Code};
use crate::base::policy::{OrganizationRole, Permission, WorkspaceRole};
use crate::domain::subscriptions::EffectiveSubscription;
use crate::domain::usage::Hour;
use crate::infra::rate_limit::Subject;
use std::ops::Deref;
use std::sync::Arc;

/// A program: its key (by `Deref`), and what the key may do at this moment. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KeyCaller {
    key: Arc<CachedKey>,
    /// The creator's role in the organization, now.
    pub organization_role: OrganizationRole,
    /// The creator's role in the workspace, now.
    pub role: WorkspaceRole,
    /// The organization's subscription, now.
    pub subscription: EffectiveSubscription,
    /// When it was found good.
    pub hour: Hour,
}

impl KeyCaller {
    /// Of a key that was found good.
    pub fn new(
        key: Arc<CachedKey>,
        organization_role: OrganizationRole,
        role: WorkspaceRole,
        subscription: EffectiveSubscription,
        hour: Hour,
    ) -> Self {
        Self { key, organization_role, role, subscription, hour }
    }

    /// The key alone, as the cache shares it.
    pub fn shared(&self) -> &Arc<CachedKey> {
        &self.key
    }

    /// The key alone.
    pub fn into_key(self) -> Arc<CachedKey> {
        self.key
    }

    /// What the rate limits charge a request of this key to.
    pub fn rate_limit_subject(&self) -> Subject<'_> {
        Subject { key: &self.key_id, workspace: &self.workspace_id, plan: &self.plan }
    }

    /// Whether it may do this in its workspace.
    ///
    /// # Errors
    /// `read_only_key`, `insufficient_permission`
    pub fn ensure_may(&self, permission: Permission) -> Result<(), ApiError> {
        if !permission.kept_by(self.scope) {
            return Err(Code::ReadOnlyKey.into());
        }
        if !permission.held_in_workspace(self.role) {
            return Err(Code::InsufficientPermission.into());
        }
        Ok(())
    }
}

impl Deref for KeyCaller {
    type Target = CachedKey;

    fn deref(&self) -> &CachedKey {
        &self.key
    }
}
