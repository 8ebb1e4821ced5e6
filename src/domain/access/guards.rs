//! Guards: arguments of handlers and queries. They are only made from a membership row whose role has the permission.
//!
//! Their fields are private, and queries for a tenant's rows take them, so the checked id is the used id. Not visible:
//! 404, with the same body as missing. Visible but not allowed: 403.

use super::authority::{Authority, CallerProof, Grant};
use super::membership::{OrganizationMembership, WorkspaceMembership};
use super::reach::Reach;
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{HeldRole, OrganizationRole, Permission, PermissionCatalog, WorkspaceRole};
use crate::domain::tenancy::{Organization, User, Workspace};
use std::marker::PhantomData;
use std::sync::Arc;

/// The organization that a request was authorized for.
pub trait Guard {
    fn organization_id(&self) -> OrganizationId;

    /// What the caller may do, to be read again by each transaction that writes.
    fn authority(&self) -> Authority;
}

/// A person's or a service's access to the organization that the path names, with permission `P`.
#[derive(Debug)]
pub struct OrganizationAccess<P> {
    membership: OrganizationMembership,
    permission: Permission,
    marker: PhantomData<P>,
}

impl<P: Can> OrganizationAccess<P> {
    pub(super) fn of(membership: OrganizationMembership) -> Self {
        Self { membership, permission: P::PERMISSION, marker: PhantomData }
    }
}

impl<P> OrganizationAccess<P> {
    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.membership.organization
    }

    pub fn organization_id(&self) -> OrganizationId {
        self.membership.organization.id
    }

    /// The caller, or the member for whom a service acts; `None` for a service that acts for none.
    pub fn person(&self) -> Option<&User> {
        self.membership.person.as_ref()
    }

    /// The id of [`Self::person`].
    pub fn person_id(&self) -> Option<UserId> {
        self.person().map(|person| person.id)
    }

    /// [`Self::person`], who must be known.
    ///
    /// # Errors
    /// `validation_failed`
    pub fn named_person(&self) -> Result<&User, ApiError> {
        self.person().ok_or_else(|| name_a_person("the member who invites"))
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

    fn authority(&self) -> Authority {
        let grant = Grant {
            organization: Some(self.membership.organization.id),
            permission: Some(self.permission.reference()),
            organization_role: Some(self.membership.role),
            is_exclusive: true,
            ..Grant::default()
        };
        Authority::new(self.membership.caller.clone(), grant)
    }
}

/// Access to the workspace that the path names, with permission `P`. The caller is a person, a service or, at endpoints
/// about keys and with `keys.manage_with_keys`, an API key of that workspace.
#[derive(Debug)]
pub struct WorkspaceAccess<P> {
    membership: WorkspaceMembership,
    caller: CallerProof,
    reach: Reach,
    permission: Permission,
    marker: PhantomData<P>,
}

impl<P: Can> WorkspaceAccess<P> {
    pub(super) fn of(membership: WorkspaceMembership, caller: CallerProof, reach: Reach) -> Self {
        Self { membership, caller, reach, permission: P::PERMISSION, marker: PhantomData }
    }
}

impl<P> WorkspaceAccess<P> {
    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.membership.workspace
    }

    pub fn workspace_id(&self) -> WorkspaceId {
        self.membership.workspace.id
    }

    /// The caller; for an API key, its creator; for a service, the member for whom it acts, if any.
    pub fn user_id(&self) -> Option<UserId> {
        self.membership.user_id
    }

    /// The person whose keys the caller makes.
    ///
    /// # Errors
    /// `validation_failed` for a service that acts for no member.
    pub fn owner_of_keys(&self) -> Result<UserId, ApiError> {
        self.membership.user_id.ok_or_else(|| name_a_person("the member whose key it is"))
    }

    /// The caller's role in the workspace, and what it has there.
    pub fn role(&self) -> HeldRole {
        self.membership.role
    }

    /// The built-in role that the caller's role stands at.
    pub fn standing(&self) -> WorkspaceRole {
        self.membership.catalog.standing(self.membership.role.permissions)
    }

    /// What roles and permissions mean.
    pub fn catalog(&self) -> &Arc<PermissionCatalog> {
        &self.membership.catalog
    }

    pub fn organization_role(&self) -> OrganizationRole {
        self.membership.organization_role
    }

    /// How far the caller's credential reaches, which bounds what it gives to keys.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether the caller's role has this permission too.
    pub fn may(&self, permission: Permission) -> bool {
        self.membership.role.permissions.contains(permission)
    }
}

fn name_a_person(who: &str) -> ApiError {
    ApiError::invalid("Keyward-On-Behalf-Of", format!("must name {who}: a service token is no person"))
}

impl<P> Guard for WorkspaceAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.membership.workspace.organization_id
    }

    fn authority(&self) -> Authority {
        let grant = Grant {
            organization_role: Some(self.membership.organization_role),
            permissions: Some(self.membership.role.permissions),
            is_exclusive: matches!(self.permission, Permission::MembersManage | Permission::WorkspaceManage),
            ..self.membership.grant(self.permission.reference())
        };
        Authority::new(self.caller.clone(), grant)
    }
}
