//! [`PortalSession`]: the authority of a portal session, read again in each request and in each transaction that writes.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::policy::{CreatorRole, Permission, ServicePermission};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::{CallerProof, Confirm, Grant, Locks, Presented, Standing};
use crate::domain::service_tokens::is_good_for;
use std::sync::Arc;

/// A member's session at the key endpoints of one workspace. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct PortalSession {
    user: UserId,
    organization: OrganizationId,
    workspace: WorkspaceId,
    token: ServiceTokenId,
    /// `None` for all that the member has.
    permissions: Option<Arc<[Permission]>>,
    /// In seconds since 1970.
    expires_at: i64,
}

impl PortalSession {
    pub(super) fn new(
        (user, organization, workspace): (UserId, OrganizationId, WorkspaceId),
        token: ServiceTokenId,
        permissions: Option<Vec<Permission>>,
        expires_at: i64,
    ) -> Self {
        Self { user, organization, workspace, token, permissions: permissions.map(Into::into), expires_at }
    }

    /// The member.
    pub fn user_id(&self) -> UserId {
        self.user
    }

    pub fn organization_id(&self) -> OrganizationId {
        self.organization
    }

    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace
    }

    /// The service token that made the session.
    pub fn made_by(&self) -> ServiceTokenId {
        self.token
    }

    /// The most that the session inherits of its member's role, and gives to keys: less than what manages everyone's keys,
    /// if its list leaves that out. `None` for no limit.
    pub fn role_limit(&self) -> Option<CreatorRole> {
        self.ensure_lists(Permission::KeysManage).is_err().then_some(CreatorRole::Editor)
    }

    /// Checks that the session's list has the permission.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_lists(&self, permission: Permission) -> Result<(), ApiError> {
        if self.permissions.as_ref().is_none_or(|listed| listed.contains(&permission)) {
            return Ok(());
        }
        let message = format!("The portal session was made without the permission {}.", permission.as_str());
        Err(ApiError::with_message(Code::InsufficientPermission, message))
    }

    /// Returns the proof of this caller.
    pub fn proof(&self) -> CallerProof {
        CallerProof::new(Arc::new(self.clone()), Presented::default())
    }

    /// Reads the member's roles, unless the session has ended: by its time, with its service token, or because the member
    /// can't act or has no role in the workspace.
    pub(super) fn standing(&self, conn: &mut Conn, now: Timestamp) -> Result<Standing, ApiError> {
        if self.expires_at <= now.seconds() {
            return Err(Code::PortalSessionExpired.into());
        }
        let ended = || ApiError::from(Code::InvalidPortalSession);
        if !is_good_for(conn, self.token, ServicePermission::KeysWrite, self.organization, now)? {
            return Err(ended());
        }
        let standing = Standing::of(conn, self.user, self.organization, Some(self.workspace))?;
        standing.filter(|standing| standing.status.can_act() && standing.role().is_some()).ok_or_else(ended)
    }
}

impl Confirm for PortalSession {
    fn lock(&self, grant: &Grant, locks: &mut Locks) {
        locks.add("users", self.user, "SHARE");
        locks.add_organization(grant);
        locks.add("service_tokens", self.token, "SHARE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, grant: &Grant, now: Timestamp) -> Result<(), ApiError> {
        let standing = self.standing(conn, now)?;
        grant.permission.map_or(Ok(()), |permission| self.ensure_lists(permission))?;
        grant.admits(standing.organization_role, standing.workspace_role)
    }
}
