//! Guards of services: [`ActingService`] acts alone, as an owner would, or for a member, whose roles bound it.
//!
//! What its token may do bounds it in both cases; the room `service_tokens` checks that.

use super::authority::{CallerProof, Grant, Today};
use super::guards::WorkspaceAccess;
use super::membership::{OrganizationMembership, WorkspaceMembership};
use super::reach::{KeyLimits, Reach};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, PermissionSet, WorkspaceRole};
use crate::base::sql::Conn;
use crate::base::sql::schema::{organization_members, organizations, users, workspace_members, workspaces};
use crate::base::time::Timestamp;
use crate::domain::tenancy::{
    GivenRoleColumns, Organization, PersonStatus, User, Workspace, given_role, given_role_columns, with_custom_role,
};
use diesel::prelude::*;
use std::sync::Arc;

/// A service that asks for a guard.
#[derive(Clone, Debug)]
pub struct ActingService {
    caller: CallerProof,
    /// The member whose roles bound it; `None` where its token alone does.
    on_behalf_of: Option<UserId>,
    /// The only organization that it sees; `None` for all.
    only: Option<OrganizationId>,
}

impl ActingService {
    pub(in crate::domain) fn new(
        caller: CallerProof,
        on_behalf_of: Option<UserId>,
        only: Option<OrganizationId>,
    ) -> Self {
        Self { caller, on_behalf_of, only }
    }

    /// The proof of this caller.
    pub fn proof(&self) -> CallerProof {
        self.caller.clone()
    }

    fn sees(&self, organization: OrganizationId) -> Result<(), ApiError> {
        if self.only.is_none_or(|only| only == organization) { Ok(()) } else { Err(ApiError::not_found()) }
    }
}

/// A person's roles in an organization and in one of its workspaces, and whether the person can act.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub status: PersonStatus,
    pub organization_role: Option<OrganizationRole>,
    /// The role that is given in the workspace itself.
    pub given: Option<HeldRole>,
}

impl Standing {
    /// Reads them in one statement; `None` for an unknown person.
    ///
    /// # Errors
    /// Database errors.
    pub(in crate::domain) fn of(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        user: UserId,
        organization: OrganizationId,
        workspace: Option<WorkspaceId>,
    ) -> Result<Option<Self>, ApiError> {
        type Row = (Option<Timestamp>, Option<OrganizationRole>, GivenRoleColumns);
        let of_organization = organization_members::table.on(organization_members::user_id
            .eq(users::id)
            .and(organization_members::organization_id.eq(organization)));
        let of_workspace = workspace_members::table.on(workspace_members::user_id
            .eq(users::id)
            .and(workspace_members::organization_id.eq(organization))
            .and(workspace_members::workspace_id.nullable().eq(workspace)));
        let row: Option<Row> = with_custom_role!(users::table.left_join(of_organization).left_join(of_workspace))
            .filter(users::id.eq(user))
            .select((users::disabled_at, organization_members::role.nullable(), given_role_columns!()))
            .first(conn)
            .optional()?;
        Ok(row.map(|(disabled_at, organization_role, given)| Self {
            status: PersonStatus::of(disabled_at),
            organization_role,
            given: given_role(catalog, given),
        }))
    }

    /// The role in the workspace that counts.
    pub fn role(&self, catalog: &PermissionCatalog) -> Option<HeldRole> {
        self.organization_role.and_then(|organization| catalog.effective_role(organization, self.given))
    }

    /// Refuses a service in a transaction that writes, unless the member still has what was granted. Alone, it has it as
    /// long as the place is there.
    ///
    /// # Errors
    /// `not_found`, `insufficient_permission`
    pub(in crate::domain) fn confirm_service(
        conn: &mut Conn,
        on_behalf_of: Option<UserId>,
        grant: &Grant,
        today: Today<'_>,
    ) -> Result<(), ApiError> {
        let Some(organization) = grant.organization else { return Ok(()) };
        ensure_there(conn, organization, grant.workspace)?;
        let Some(user) = on_behalf_of else { return Ok(()) };
        let standing =
            Self::of(conn, today.catalog, user, organization, grant.workspace)?.ok_or_else(|| no_role(user))?;
        if !standing.status.can_act() {
            return Err(disabled(user));
        }
        grant.admits(today.catalog, standing.organization_role, standing.given).map_err(|refusal| match refusal.code {
            Code::NotFound => no_role(user),
            _ => refusal,
        })
    }
}

fn ensure_there(conn: &mut Conn, organization: OrganizationId, workspace: Option<WorkspaceId>) -> Result<(), ApiError> {
    match workspace {
        None => {
            organizations::table.find(organization).select(organizations::id).first::<OrganizationId>(conn).map(drop)
        }
        Some(workspace) => workspaces::table
            .filter(workspaces::id.eq(workspace).and(workspaces::organization_id.eq(organization)))
            .select(workspaces::id)
            .first::<WorkspaceId>(conn)
            .map(drop),
    }
    .map_err(ApiError::from)
}

fn no_role(user: UserId) -> ApiError {
    refused(format!("{user}, whom Keyward-On-Behalf-Of names, has no role here."))
}

fn disabled(user: UserId) -> ApiError {
    refused(format!("{user}, whom Keyward-On-Behalf-Of names, is disabled."))
}

fn refused(message: String) -> ApiError {
    ApiError::with_message(Code::InsufficientPermission, message)
}

/// Returns the person, who must be one who can act.
fn member(conn: &mut Conn, id: UserId) -> Result<User, ApiError> {
    let user = User::of_id(conn, id)?.ok_or_else(|| no_role(id))?;
    if user.status().can_act() { Ok(user) } else { Err(disabled(id)) }
}

impl OrganizationMembership {
    /// The membership that bounds a service: an owner's, or that of the member for whom it acts.
    ///
    /// # Errors
    /// `not_found` where there is no such organization for the service; `insufficient_permission` where the member has no
    /// role in it, or is disabled.
    pub fn of_service(conn: &mut Conn, id: OrganizationId, service: &ActingService) -> Result<Self, ApiError> {
        service.sees(id)?;
        let organization = Organization::find(conn, id)?.ok_or_else(ApiError::not_found)?;
        let (person, role) = match service.on_behalf_of {
            None => (None, OrganizationRole::Owner),
            Some(user) => {
                let person = member(conn, user)?;
                let found = Organization::with_role_of(conn, id, user)?;
                let (_, role) = found.ok_or_else(|| no_role(user))?;
                (Some(person), role)
            }
        };
        Ok(Self { organization, person, caller: service.proof(), role })
    }
}

impl WorkspaceMembership {
    /// The membership that bounds a service: an owner's, or that of the member for whom it acts.
    ///
    /// # Errors
    /// As [`OrganizationMembership::of_service`].
    pub fn of_service(
        conn: &mut Conn,
        catalog: Arc<PermissionCatalog>,
        id: WorkspaceId,
        service: &ActingService,
    ) -> Result<Self, ApiError> {
        let workspace = Workspace::find(conn, id)?.ok_or_else(ApiError::not_found)?;
        service.sees(workspace.organization_id)?;
        let Some(user) = service.on_behalf_of else {
            let role = catalog.built_in_role(WorkspaceRole::Admin);
            return Ok(Self { workspace, user_id: None, organization_role: OrganizationRole::Owner, role, catalog });
        };
        member(conn, user)?;
        let found = Workspace::with_role_of(conn, &catalog, id, user)?;
        let (workspace, organization_role, role) = found.ok_or_else(|| no_role(user))?;
        Ok(Self { workspace, user_id: Some(user), organization_role, role, catalog })
    }

    /// The guard with permission `P` for a person whose credential lacks some of the person's permissions, if the rest has
    /// it. Keys get at most the rest, as a list of their own.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn authorize_within<P: Can>(
        mut self,
        caller: CallerProof,
        withheld: PermissionSet,
    ) -> Result<WorkspaceAccess<P>, ApiError> {
        if withheld == PermissionSet::EMPTY {
            return self.authorize(caller, None);
        }
        self.organization_role = OrganizationRole::Member;
        self.role.permissions = self.role.permissions.difference(withheld);
        self.ensure_may(P::PERMISSION.reference())?;
        let limits = KeyLimits { role: None, permissions: Some(self.catalog.names_of(self.role.permissions)) };
        let reach = Reach { limits, ..Reach::of_person(self.role.permissions) };
        Ok(WorkspaceAccess::of(self, caller, reach))
    }
}
