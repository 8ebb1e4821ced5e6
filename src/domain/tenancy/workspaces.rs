//! Rows of `workspaces`.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{OrganizationRole, WorkspaceRole, effective_role};
use crate::base::sql::schema::{organization_members, workspace_members, workspaces};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// Where work and API keys live.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = workspaces)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The name to show.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Workspace {
    /// The workspace of an id, for the operator. `None` when it is not there.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn find(conn: &mut Conn, id: WorkspaceId) -> Result<Option<Self>, ApiError> {
        Ok(workspaces::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// A workspace and a user's roles around it: what a guard is made from. `None` when the workspace is not there, or
    /// the user has no role in it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn with_role_of(
        conn: &mut Conn,
        id: WorkspaceId,
        user: UserId,
    ) -> Result<Option<(Self, OrganizationRole, WorkspaceRole)>, ApiError> {
        let found: Option<(Self, OrganizationRole, Option<WorkspaceRole>)> = workspaces::table
            .inner_join(
                organization_members::table.on(organization_members::organization_id
                    .eq(workspaces::organization_id)
                    .and(organization_members::user_id.eq(user))),
            )
            .left_join(
                workspace_members::table
                    .on(workspace_members::workspace_id.eq(workspaces::id).and(workspace_members::user_id.eq(user))),
            )
            .filter(workspaces::id.eq(id))
            .select((Self::as_select(), organization_members::role, workspace_members::role.nullable()))
            .first(conn)
            .optional()?;
        Ok(found.and_then(|(workspace, organization, role)| {
            effective_role(organization, role).map(|role| (workspace, organization, role))
        }))
    }

    /// Holds the workspace until the transaction ends: whoever adds an active key does so one after another.
    ///
    /// # Errors
    /// `not_found` when it was deleted meanwhile.
    pub fn lock(conn: &mut Conn, id: WorkspaceId) -> Result<(), ApiError> {
        ForUpdate(workspaces::table.find(id).select(workspaces::id)).get_result::<WorkspaceId>(conn)?;
        Ok(())
    }
}
