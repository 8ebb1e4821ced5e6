//! [`PortalSession`]: the authority of a portal session, read again in each request and in each transaction that writes.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::policy::{Permission, PermissionRef, PermissionSet, ServicePermission};
use crate::base::sql::Conn;
use crate::domain::access::{CallerProof, Confirm, Grant, Locks, Presented, Standing, Today};
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

    /// What the session lacks of its member's permissions, and gives to no key: what manages the workspace, if its list
    /// leaves out everyone's keys.
    pub fn withheld(&self) -> PermissionSet {
        let managing = [Permission::KeysManage, Permission::MembersManage, Permission::WorkspaceManage];
        match self.lists(Permission::KeysManage.reference()) {
            true => PermissionSet::EMPTY,
            false => managing.map(Permission::reference).into_iter().collect(),
        }
    }

    fn lists(&self, permission: PermissionRef) -> bool {
        self.permissions.as_ref().is_none_or(|listed| listed.iter().any(|own| own.reference() == permission))
    }

    /// Checks that the session's list has the permission.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_lists(&self, permission: Permission) -> Result<(), ApiError> {
        if self.lists(permission.reference()) {
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
    pub(super) fn standing(&self, conn: &mut Conn, today: Today<'_>) -> Result<Standing, ApiError> {
        let Today { now, catalog } = today;
        if self.expires_at <= now.seconds() {
            return Err(Code::PortalSessionExpired.into());
        }
        let ended = || ApiError::from(Code::InvalidPortalSession);
        if !is_good_for(conn, self.token, ServicePermission::KeysWrite, self.organization, now)? {
            return Err(ended());
        }
        let standing = Standing::of(conn, catalog, self.user, self.organization, Some(self.workspace))?;
        standing.filter(|standing| standing.status.can_act() && standing.role(catalog).is_some()).ok_or_else(ended)
    }
}

impl Confirm for PortalSession {
    fn lock(&self, grant: &Grant, locks: &mut Locks) {
        locks.add("users", self.user, "SHARE");
        locks.add_organization(grant);
        locks.add("service_tokens", self.token, "SHARE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, grant: &Grant, today: Today<'_>) -> Result<(), ApiError> {
        let standing = self.standing(conn, today)?;
        if grant.permission.is_some_and(|permission| !self.lists(permission)) {
            return Err(Code::InsufficientPermission.into());
        }
        grant.admits(today.catalog, standing.organization_role, standing.given)
    }
}
