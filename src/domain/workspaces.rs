//! Creates, lists, renames and deletes workspaces.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, can};
use crate::base::sql::schema::{api_keys, workspace_members, workspaces};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::access::{OrganizationAccess, WorkspaceAccess};
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::{
    GivenRoleColumns, Organization, Workspace, given_role, given_role_columns, with_custom_role,
};
use diesel::prelude::*;
use serde_json::json;

impl Workspace {
    /// Creates a workspace.
    ///
    /// # Errors
    /// `not_found` when the organization was deleted meanwhile.
    pub fn create(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: WorkspaceId,
        name: String,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        Organization::lock(conn, access.organization_id())?;
        Self::insert(conn, access_change, Self { id, organization_id: access.organization_id(), name, created_at: now })
    }

    /// Inserts the row, for [`Workspace::create`] and for the demo, which has no request.
    pub(crate) fn insert(conn: &mut Conn, access_change: &mut AccessChange, row: Self) -> Result<Self, ApiError> {
        diesel::insert_into(workspaces::table).values(&row).execute(conn)?;
        access_change.audit_only(row.entry(Action::WorkspaceCreated).after(json!({ "name": row.name })));
        Ok(row)
    }

    /// Returns the oldest workspace of an organization, for the demo, which has no request.
    pub(crate) fn oldest_of(conn: &mut Conn, organization: OrganizationId) -> Result<Option<Self>, ApiError> {
        Ok(workspaces::table
            .filter(workspaces::organization_id.eq(organization))
            .order(workspaces::id)
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// Returns a workspace of an organization that the caller manages.
    ///
    /// # Errors
    /// `not_found`
    pub fn of_organization(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: WorkspaceId,
    ) -> Result<Self, ApiError> {
        Ok(workspaces::table
            .filter(workspaces::id.eq(id).and(workspaces::organization_id.eq(access.organization_id())))
            .select(Self::as_select())
            .first(conn)?)
    }

    /// Returns a page of the workspaces that the caller sees, with the caller's role in each, newest first: all workspaces for an admin of the
    /// organization, else those of which the caller is a member.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        access: &OrganizationAccess<can::OrganizationRead>,
        page: Position<WorkspaceId>,
    ) -> Result<Vec<(Self, Option<HeldRole>)>, ApiError> {
        let from = workspaces::table.left_join(
            workspace_members::table.on(workspace_members::workspace_id
                .eq(workspaces::id)
                .and(workspace_members::user_id.nullable().eq(access.person_id()))),
        );
        let mut query = with_custom_role!(from)
            .filter(workspaces::organization_id.eq(access.organization_id()))
            .select((Self::as_select(), given_role_columns!()))
            .order(workspaces::id.desc())
            .limit(page.limit())
            .into_boxed();
        if access.role() < OrganizationRole::Admin {
            query = query.filter(workspace_members::user_id.is_not_null());
        }
        if let Some(after) = page.after {
            query = query.filter(workspaces::id.lt(after));
        }
        let rows: Vec<(Self, GivenRoleColumns)> = query.load(conn)?;
        let effective = |given| catalog.effective_role(access.role(), given_role(catalog, given));
        Ok(rows.into_iter().map(|(workspace, given)| (workspace, effective(given))).collect())
    }

    /// Renames the workspace.
    ///
    /// # Errors
    /// `not_found` when the workspace was deleted meanwhile.
    pub fn rename(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &WorkspaceAccess<can::WorkspaceManage>,
        name: String,
    ) -> Result<Self, ApiError> {
        let before = Self::locked(conn, access.workspace_id())?;
        let renamed: Self = diesel::update(workspaces::table.find(before.id))
            .set(workspaces::name.eq(name))
            .returning(Self::columns())
            .get_result(conn)?;
        let names = (json!({ "name": before.name }), json!({ "name": renamed.name }));
        access_change.audit_only(renamed.entry(Action::WorkspaceRenamed).changed(names.0, names.1));
        Ok(renamed)
    }

    fn locked(conn: &mut Conn, id: WorkspaceId) -> Result<Self, ApiError> {
        Ok(ForUpdate(workspaces::table.find(id).select(Self::as_select())).get_result(conn)?)
    }

    fn entry(&self, action: Action) -> Entry {
        Entry::new(action, self.organization_id, Target::workspace(self.id, &self.name)).within(self.id)
    }

    /// Deletes the workspace with its keys.
    ///
    /// # Errors
    /// `not_found` when the workspace was deleted meanwhile.
    pub fn delete(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &WorkspaceAccess<can::WorkspaceManage>,
    ) -> Result<(), ApiError> {
        let workspace = Self::locked(conn, access.workspace_id())?;
        let own_members = workspace_members::table.filter(workspace_members::workspace_id.eq(workspace.id));
        let own_keys = api_keys::table.filter(api_keys::workspace_id.eq(workspace.id));
        let (members, keys): (i64, i64) = (own_members.count().get_result(conn)?, own_keys.count().get_result(conn)?);
        diesel::delete(workspaces::table.find(workspace.id)).execute(conn)?;
        let gone = json!({ "name": workspace.name, "members": members, "apiKeys": keys });
        access_change.revoking(workspace.entry(Action::WorkspaceDeleted).before(gone));
        Ok(())
    }
}
