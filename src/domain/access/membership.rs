//! A person's roles in an organization and a workspace. Guards are only made from these rows.

use super::authority::{CallerProof, Grant};
use super::guards::{OrganizationAccess, WorkspaceAccess};
use super::reach::Reach;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, PermissionRef};
use crate::base::sql::Conn;
use crate::domain::tenancy::{Organization, SignedInUser, User, Workspace};
use std::sync::Arc;

/// A person's membership of an organization, or what a service has in it.
#[derive(Debug)]
pub struct OrganizationMembership {
    pub(super) organization: Organization,
    /// `None` for a service that acts for no member.
    pub(super) person: Option<User>,
    pub(super) caller: CallerProof,
    pub(super) role: OrganizationRole,
}

impl OrganizationMembership {
    /// Reads the membership in one statement.
    ///
    /// # Errors
    /// `not_found` where the organization does not exist or the person is no member of it.
    pub fn find(conn: &mut Conn, id: OrganizationId, user: SignedInUser) -> Result<Self, ApiError> {
        let found = Organization::with_role_of(conn, id, user.id)?;
        let (organization, role) = found.ok_or_else(ApiError::not_found)?;
        Ok(Self { organization, person: Some(User::clone(&user)), caller: user.proof(), role })
    }

    /// Makes the guard, if the role has permission `P`.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn authorize<P: Can>(self) -> Result<OrganizationAccess<P>, ApiError> {
        match P::PERMISSION.held_in_organization(self.role) {
            true => Ok(OrganizationAccess::of(self)),
            false => Err(Code::InsufficientPermission.into()),
        }
    }
}

/// A person's role in a workspace, or what a service has in it.
#[derive(Debug)]
pub struct WorkspaceMembership {
    pub(super) workspace: Workspace,
    /// `None` for a service that acts for no member.
    pub(super) user_id: Option<UserId>,
    pub(super) organization_role: OrganizationRole,
    pub(super) role: HeldRole,
    pub(super) catalog: Arc<PermissionCatalog>,
}

impl WorkspaceMembership {
    /// Reads the membership in one statement.
    ///
    /// # Errors
    /// `not_found` where the workspace does not exist or the person has no role in it.
    pub fn find(
        conn: &mut Conn,
        catalog: Arc<PermissionCatalog>,
        id: WorkspaceId,
        user_id: UserId,
    ) -> Result<Self, ApiError> {
        let found = Workspace::with_role_of(conn, &catalog, id, user_id)?;
        let (workspace, organization_role, role) = found.ok_or_else(ApiError::not_found)?;
        Ok(Self { workspace, user_id: Some(user_id), organization_role, role, catalog })
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Checks that the role has the permission.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_may(&self, permission: PermissionRef) -> Result<(), ApiError> {
        match self.role.permissions.contains(permission) {
            true => Ok(()),
            false => Err(Code::InsufficientPermission.into()),
        }
    }

    /// What a guard of this membership grants, with a permission.
    pub(in crate::domain) fn grant(&self, permission: PermissionRef) -> Grant {
        Grant {
            organization: Some(self.workspace.organization_id),
            workspace: Some(self.workspace.id),
            permission: Some(permission),
            ..Grant::default()
        }
    }

    /// The guard with permission `P` for this caller, if the role has it. `key` is the reach of an API key, whose limits
    /// lower the roles of its creator; `None` for a person.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn authorize<P: Can>(
        mut self,
        caller: CallerProof,
        key: Option<Reach>,
    ) -> Result<WorkspaceAccess<P>, ApiError> {
        if let Some(key) = &key {
            self.organization_role = key.limits.lower(self.organization_role);
            self.role.permissions = key.limits.most(&self.catalog, self.role.permissions);
        }
        self.ensure_may(P::PERMISSION.reference())?;
        let reach = key.unwrap_or_else(|| Reach::of_person(self.role.permissions));
        Ok(WorkspaceAccess::of(self, caller, reach))
    }
}
