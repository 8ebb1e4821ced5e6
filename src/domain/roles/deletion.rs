//! Deletion of a role, and its replacement where it is in use.

use super::model::RoleAccess;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{RoleId, UserId, WorkspaceId};
use crate::base::policy::RoleName;
use crate::base::sql::Conn;
use crate::base::sql::schema::{invitation_workspaces, roles, workspace_members};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::members::WorkspaceMember;
use crate::domain::tenancy::{Organization, Role};
use diesel::prelude::*;

impl Role {
    /// Deletes a role. Members and pending invitations that have it get the replacement.
    ///
    /// # Errors
    /// `not_found`; `conflict` for a role in use, without a replacement; `validation_failed` for a replacement that is this
    /// role, or none of the organization's.
    pub fn delete(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &RoleAccess,
        (id, replacement): (RoleId, Option<RoleName>),
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let organization = access.organization_id();
        Organization::lock(conn, organization)?;
        let role = Self::of(conn, access, id)?;
        if replacement == Some(RoleName::Custom(id)) {
            return Err(ApiError::invalid("replaceWith", "must be another role"));
        }
        if let Some(replacement) = replacement {
            Self::named(conn, &access_change.catalog(), organization, replacement, "replaceWith")?;
        }
        let members: Vec<(WorkspaceId, UserId)> = workspace_members::table
            .filter(workspace_members::role_id.eq(id))
            .select((workspace_members::workspace_id, workspace_members::user_id))
            .order((workspace_members::workspace_id, workspace_members::user_id))
            .load(conn)?;
        let invited = invitation_workspaces::table.filter(invitation_workspaces::role_id.eq(id));
        let invitations: i64 = invited.count().get_result(conn)?;
        if !members.is_empty() || invitations > 0 {
            let Some(replacement) = replacement else {
                return Err(in_use(members.len(), invitations));
            };
            for (workspace, user) in members {
                WorkspaceMember::set(conn, access_change, organization, workspace, user, replacement, now)?;
            }
            diesel::update(invited)
                .set((
                    invitation_workspaces::role.eq(replacement.column()),
                    invitation_workspaces::role_id.eq(replacement.custom()),
                ))
                .execute(conn)?;
        }
        diesel::delete(roles::table.find(id)).execute(conn)?;
        access_change.revoking(role.entry(Action::RoleDeleted).before(role.facts()));
        Ok(())
    }
}

fn in_use(members: usize, invitations: i64) -> ApiError {
    ApiError::with_message(
        Code::Conflict,
        format!(
            "The role is in use, by {members} roles of members in workspaces and {invitations} of pending invitations. Give \
             another role to them, or name one in replaceWith."
        ),
    )
}
