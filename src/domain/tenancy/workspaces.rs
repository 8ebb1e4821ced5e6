//! Rows of `workspaces`.

use super::roles::{GivenRoleColumns, given_role, given_role_columns, with_custom_role};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog};
use crate::base::sql::schema::{organization_members, workspace_members, workspaces};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// A part of an organization, which holds API keys and data.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = workspaces)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
}

impl Workspace {
    /// Finds a workspace by id, for services and the operator.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn find(conn: &mut Conn, id: WorkspaceId) -> Result<Option<Self>, ApiError> {
        Ok(workspaces::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns a workspace and a user's roles in its organization and in it, as a guard needs them. `None` when the
    /// workspace does not exist or the user has no role in it.
    ///
    /// # Errors
    /// Database errors.
    pub fn with_role_of(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        id: WorkspaceId,
        user: UserId,
    ) -> Result<Option<(Self, OrganizationRole, HeldRole)>, ApiError> {
        let members = workspaces::table
            .inner_join(
                organization_members::table.on(organization_members::organization_id
                    .eq(workspaces::organization_id)
                    .and(organization_members::user_id.eq(user))),
            )
            .left_join(
                workspace_members::table
                    .on(workspace_members::workspace_id.eq(workspaces::id).and(workspace_members::user_id.eq(user))),
            );
        let found: Option<(Self, OrganizationRole, GivenRoleColumns)> = with_custom_role!(members)
            .filter(workspaces::id.eq(id))
            .select((Self::as_select(), organization_members::role, given_role_columns!()))
            .first(conn)
            .optional()?;
        Ok(found.and_then(|(workspace, organization, given)| {
            let role = catalog.effective_role(organization, given_role(catalog, given))?;
            Some((workspace, organization, role))
        }))
    }

    /// Locks the workspace until the transaction ends. Each path that adds an active key takes this lock.
    ///
    /// # Errors
    /// `not_found` when the workspace was deleted meanwhile.
    pub fn lock(conn: &mut Conn, id: WorkspaceId) -> Result<(), ApiError> {
        ForUpdate(workspaces::table.find(id).select(workspaces::id)).get_result::<WorkspaceId>(conn)?;
        Ok(())
    }
}
