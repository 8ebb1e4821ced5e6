//! A person's roles in an organization and a workspace. Guards are only made from these rows.

use super::authority::{CallerProof, Grant};
use super::guards::{OrganizationAccess, WorkspaceAccess};
use super::reach::Reach;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{OrganizationRole, Permission, WorkspaceRole};
use crate::base::sql::Conn;
use crate::domain::tenancy::{Organization, SignedInUser, User, Workspace};

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
    pub(super) role: WorkspaceRole,
}

impl WorkspaceMembership {
    /// Reads the membership in one statement.
    ///
    /// # Errors
    /// `not_found` where the workspace does not exist or the person has no role in it.
    pub fn find(conn: &mut Conn, id: WorkspaceId, user_id: UserId) -> Result<Self, ApiError> {
        let found = Workspace::with_role_of(conn, id, user_id)?;
        let (workspace, organization_role, role) = found.ok_or_else(ApiError::not_found)?;
        Ok(Self { workspace, user_id: Some(user_id), organization_role, role })
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Checks that the role has the permission.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_may(&self, permission: Permission) -> Result<(), ApiError> {
        match permission.held_in_workspace(self.role) {
            true => Ok(()),
            false => Err(Code::InsufficientPermission.into()),
        }
    }

    /// What a guard of this membership grants, with a permission.
    pub(in crate::domain) fn grant(&self, permission: Permission) -> Grant {
        Grant {
            organization: Some(self.workspace.organization_id),
            workspace: Some(self.workspace.id),
            permission: Some(permission),
            ..Grant::default()
        }
    }

    /// The guard with permission `P` for this caller, if the role has it. `key` is the reach of an API key, whose limit
    /// lowers the roles of its creator; `None` for a person.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn authorize<P: Can>(
        mut self,
        caller: CallerProof,
        key: Option<Reach>,
    ) -> Result<WorkspaceAccess<P>, ApiError> {
        if let Some(limit) = key.as_ref().and_then(|key| key.role_limit) {
            (self.organization_role, self.role) = limit.lower(self.organization_role, self.role);
        }
        self.ensure_may(P::PERMISSION)?;
        let reach = key.unwrap_or_else(|| Reach::of_person(self.role));
        Ok(WorkspaceAccess::of(self, caller, reach))
    }
}
