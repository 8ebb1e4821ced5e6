//! Guards: arguments of handlers and queries. They are only made from a membership row whose role has the permission.
//!
//! Their fields are private, and queries for a tenant's rows take them, so the checked id is the used id. Not visible:
//! 404, with the same body as missing. Visible but not allowed: 403.

use super::membership::{OrganizationMembership, WorkspaceMembership};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{OrganizationRole, Permission, WorkspaceRole};
use crate::domain::tenancy::{Organization, User, Workspace};
use std::marker::PhantomData;

/// The organization that a request was authorized for.
pub trait Guard {
    fn organization_id(&self) -> OrganizationId;
}

/// A person's access to the organization that the path names, with permission `P`.
#[derive(Debug)]
pub struct OrganizationAccess<P> {
    membership: OrganizationMembership,
    permission: PhantomData<P>,
}

impl<P> OrganizationAccess<P> {
    pub(super) fn of(membership: OrganizationMembership) -> Self {
        Self { membership, permission: PhantomData }
    }

    pub fn organization(&self) -> &Organization {
        &self.membership.organization
    }

    pub fn organization_id(&self) -> OrganizationId {
        self.membership.organization.id
    }

    pub fn user(&self) -> &User {
        &self.membership.user
    }

    pub fn role(&self) -> OrganizationRole {
        self.membership.role
    }

    /// The same guard with another permission, if the role has it.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn require<Q: Can>(self) -> Result<OrganizationAccess<Q>, ApiError> {
        self.membership.authorize()
    }
}

impl<P> Guard for OrganizationAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.membership.organization.id
    }
}

/// Access to the workspace that the path names, with permission `P`. The caller is a person or, at endpoints about keys
/// and with `keys.manage_with_keys`, an API key of that workspace.
#[derive(Debug)]
pub struct WorkspaceAccess<P> {
    membership: WorkspaceMembership,
    permission: PhantomData<P>,
}

impl<P> WorkspaceAccess<P> {
    pub(super) fn of(membership: WorkspaceMembership) -> Self {
        Self { membership, permission: PhantomData }
    }

    pub fn workspace(&self) -> &Workspace {
        &self.membership.workspace
    }

    pub fn workspace_id(&self) -> WorkspaceId {
        self.membership.workspace.id
    }

    /// The caller; for an API key, its creator.
    pub fn user_id(&self) -> UserId {
        self.membership.user_id
    }

    /// The caller's role in the workspace.
    pub fn role(&self) -> WorkspaceRole {
        self.membership.role
    }

    pub fn organization_role(&self) -> OrganizationRole {
        self.membership.organization_role
    }

    /// Whether the caller's role has this permission too.
    pub fn may(&self, permission: Permission) -> bool {
        permission.held_in_workspace(self.membership.role)
    }
}

impl<P> Guard for WorkspaceAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.membership.workspace.organization_id
    }
}
