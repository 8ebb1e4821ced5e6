//! Guards stand in a handler's signature. They are only made of a membership that was read and has the permission.
//!
//! Their fields are private and queries for a tenant's rows take them, so the id that was checked is the id that is
//! used. Not visible: 404, with the same body as missing. Visible but not allowed: 403.

use super::membership::{OrganizationMembership, WorkspaceMembership};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{OrganizationRole, Permission, WorkspaceRole};
use crate::domain::tenancy::{Organization, User, Workspace};
use std::marker::PhantomData;

/// The organization that a request was authorized for.
pub trait Guard {
    /// Its id.
    fn organization_id(&self) -> OrganizationId;
}

/// A person who has permission `P` in the organization that the path names.
#[derive(Debug)]
pub struct OrganizationAccess<P> {
    membership: OrganizationMembership,
    permission: PhantomData<P>,
}

impl<P> OrganizationAccess<P> {
    pub(super) fn of(membership: OrganizationMembership) -> Self {
        Self { membership, permission: PhantomData }
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.membership.organization
    }

    /// Its id.
    pub fn organization_id(&self) -> OrganizationId {
        self.membership.organization.id
    }

    /// Who asks.
    pub fn user(&self) -> &User {
        &self.membership.user
    }

    /// The asker's role.
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

/// Someone who has permission `P` in the workspace that the path names: a person, or, for keys and where
/// `keys.manage_with_keys` says so, an API key of that workspace.
#[derive(Debug)]
pub struct WorkspaceAccess<P> {
    membership: WorkspaceMembership,
    permission: PhantomData<P>,
}

impl<P> WorkspaceAccess<P> {
    pub(super) fn of(membership: WorkspaceMembership) -> Self {
        Self { membership, permission: PhantomData }
    }

    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.membership.workspace
    }

    /// Its id.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.membership.workspace.id
    }

    /// Who asks; for an API key, its creator.
    pub fn user_id(&self) -> UserId {
        self.membership.user_id
    }

    /// The asker's role in the workspace.
    pub fn role(&self) -> WorkspaceRole {
        self.membership.role
    }

    /// The asker's role in the organization.
    pub fn organization_role(&self) -> OrganizationRole {
        self.membership.organization_role
    }

    /// Whether the asker has this permission too.
    pub fn may(&self, permission: Permission) -> bool {
        permission.held_in_workspace(self.membership.role)
    }
}

impl<P> Guard for WorkspaceAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.membership.workspace.organization_id
    }
}
