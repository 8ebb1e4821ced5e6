//! Rows of `roles`, and a role in a workspace as rows have it.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, RoleId};
use crate::base::policy::{HeldRole, PermissionCatalog, PermissionNames, RoleName, WorkspaceRole};
use crate::base::sql::Conn;
use crate::base::sql::schema::roles;
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// A role that an organization made.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = roles)]
pub struct Role {
    pub id: RoleId,
    pub organization_id: OrganizationId,
    /// Unique in the organization.
    pub name: String,
    pub description: Option<String>,
    pub permissions: PermissionNames,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Role {
    /// Finds a role of an organization.
    ///
    /// # Errors
    /// Database errors.
    pub fn find(conn: &mut Conn, organization: OrganizationId, id: RoleId) -> Result<Option<Self>, ApiError> {
        let own = roles::table.filter(roles::id.eq(id).and(roles::organization_id.eq(organization)));
        Ok(own.select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns the roles of all organizations or of one, newest first, for the operator.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn all(conn: &mut Conn, organization: Option<OrganizationId>) -> Result<Vec<Self>, ApiError> {
        let mut query = roles::table.select(Self::as_select()).order(roles::id.desc()).into_boxed();
        if let Some(organization) = organization {
            query = query.filter(roles::organization_id.eq(organization));
        }
        Ok(query.load(conn)?)
    }

    /// Returns a role that a request's field names, with what it has.
    ///
    /// # Errors
    /// `validation_failed` for a custom role that is not the organization's.
    pub fn named(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        organization: OrganizationId,
        role: RoleName,
        field: &str,
    ) -> Result<HeldRole, ApiError> {
        let id = match role {
            RoleName::BuiltIn(role) => return Ok(catalog.built_in_role(role)),
            RoleName::Custom(id) => id,
        };
        let found = Self::find(conn, organization, id)?;
        let found = found.ok_or_else(|| ApiError::invalid(field.to_owned(), "must be a role of the organization"))?;
        Ok(catalog.held(WorkspaceRole::Viewer, Some((id, Some(&found.permissions)))))
    }
}

/// A role in a workspace, as `given_role_columns!` selects it.
pub type GivenRoleColumns = (Option<WorkspaceRole>, Option<RoleId>, Option<PermissionNames>);

/// Selects the columns of [`GivenRoleColumns`].
macro_rules! given_role_columns {
    () => {
        (
            $crate::base::sql::schema::workspace_members::role.nullable(),
            $crate::base::sql::schema::workspace_members::role_id.nullable(),
            $crate::base::sql::schema::roles::permissions.nullable(),
        )
    };
}
pub(in crate::domain) use given_role_columns;

/// Joins `workspace_members` with the custom role, by primary key.
macro_rules! with_custom_role {
    ($from:expr) => {
        $from.left_join(
            $crate::base::sql::schema::roles::table.on($crate::base::sql::schema::roles::id
                .nullable()
                .eq($crate::base::sql::schema::workspace_members::role_id.nullable())),
        )
    };
}
pub(in crate::domain) use with_custom_role;

/// Returns the role that the columns have. `None` without a row.
pub(in crate::domain) fn given_role(
    catalog: &PermissionCatalog,
    (role, custom, permissions): GivenRoleColumns,
) -> Option<HeldRole> {
    Some(catalog.held(role?, custom.map(|id| (id, permissions.as_ref()))))
}
