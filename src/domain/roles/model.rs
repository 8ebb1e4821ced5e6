//! Creation and change of roles.

use crate::base::error::{ApiError, Code};
use crate::base::ids::RoleId;
use crate::base::paging::Position;
use crate::base::policy::{PermissionNames, can};
use crate::base::sql::schema::roles;
use crate::base::sql::{Columns, Conn};
use crate::base::time::Timestamp;
use crate::domain::access::{OrganizationAccess, checked_list};
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::{Organization, Role};
use diesel::prelude::*;
use serde_json::{Value, json};

/// The guard of the endpoints of roles: an admin of the organization.
pub(super) type RoleAccess = OrganizationAccess<can::OrganizationManage>;

/// The most roles of an organization.
const MAX_ROLES: i64 = 100;

/// A role to create.
#[derive(Clone, Debug)]
pub struct NewRole {
    pub id: RoleId,
    pub name: String,
    pub description: Option<String>,
    pub permissions: PermissionNames,
}

/// The changes of a PATCH; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    pub name: Option<String>,
    /// `Some(None)` removes the description.
    pub description: Option<Option<String>>,
    pub permissions: Option<PermissionNames>,
}

impl Role {
    /// Creates a role. It may have each permission of workspaces, also those that no built-in role has.
    ///
    /// # Errors
    /// `validation_failed` for permissions that a role can't have; `conflict` for a name that another role has, and for more
    /// than 100 roles.
    pub fn create(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &RoleAccess,
        new: NewRole,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let organization_id = access.organization_id();
        Organization::lock(conn, organization_id)?;
        let NewRole { id, name, description, permissions } = new;
        let permissions = Self::permissions_of(access_change, &permissions)?;
        ensure_free(conn, access, &name, id)?;
        let count: i64 = roles::table.filter(roles::organization_id.eq(organization_id)).count().get_result(conn)?;
        if count >= MAX_ROLES {
            let message = format!("The organization has {MAX_ROLES} roles, and may not have more. Delete unused ones.");
            return Err(ApiError::with_message(Code::Conflict, message));
        }
        let row = Self { id, organization_id, name, description, permissions, created_at: now, updated_at: now };
        diesel::insert_into(roles::table).values(&row).execute(conn)?;
        access_change.audit_only(row.entry(Action::RoleCreated).after(row.facts()));
        Ok(row)
    }

    /// Returns a page of an organization's roles, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(conn: &mut Conn, access: &RoleAccess, page: Position<RoleId>) -> Result<Vec<Self>, ApiError> {
        let mut query = roles::table
            .filter(roles::organization_id.eq(access.organization_id()))
            .select(Self::as_select())
            .order(roles::id.desc())
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            query = query.filter(roles::id.lt(after));
        }
        Ok(query.load(conn)?)
    }

    /// Returns one role of an organization.
    ///
    /// # Errors
    /// `not_found`
    pub fn of(conn: &mut Conn, access: &RoleAccess, id: RoleId) -> Result<Self, ApiError> {
        Self::find(conn, access.organization_id(), id)?.ok_or_else(ApiError::not_found)
    }

    /// Changes a role. Members who have it, and their keys, have the new permissions from the next request on.
    ///
    /// # Errors
    /// `not_found`, and those of [`Role::create`].
    pub fn change(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &RoleAccess,
        id: RoleId,
        change: RoleChange,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        Organization::lock(conn, access.organization_id())?;
        let before = Self::of(conn, access, id)?;
        let RoleChange { name, description, permissions } = change;
        if let Some(name) = &name {
            ensure_free(conn, access, name, id)?;
        }
        let permissions = match permissions {
            Some(names) => Self::permissions_of(access_change, &names)?,
            None => before.permissions.clone(),
        };
        let after: Self = diesel::update(roles::table.find(id))
            .set((
                roles::name.eq(name.unwrap_or_else(|| before.name.clone())),
                roles::description.eq(description.unwrap_or_else(|| before.description.clone())),
                roles::permissions.eq(permissions),
                roles::updated_at.eq(now),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        access_change.revoking(after.entry(Action::RoleChanged).changed(before.facts(), after.facts()));
        Ok(after)
    }

    fn permissions_of(access_change: &AccessChange, names: &PermissionNames) -> Result<PermissionNames, ApiError> {
        let catalog = access_change.catalog();
        checked_list(&catalog, names, catalog.of_workspaces(), "a role")
    }

    /// Returns an audit entry about the role.
    pub(super) fn entry(&self, action: Action) -> Entry {
        Entry::new(action, self.organization_id, Target::role(self.id, &self.name))
    }

    /// Returns the role's fields for the audit trail.
    pub(super) fn facts(&self) -> Value {
        json!({ "name": self.name, "description": self.description, "permissions": self.permissions })
    }
}

/// Checks that no other role of the organization has the name. Exact only under `Organization::lock`.
fn ensure_free(conn: &mut Conn, access: &RoleAccess, name: &str, own: RoleId) -> Result<(), ApiError> {
    let same = roles::organization_id.eq(access.organization_id()).and(roles::name.eq(name)).and(roles::id.ne(own));
    let is_taken: bool = diesel::select(diesel::dsl::exists(roles::table.filter(same))).get_result(conn)?;
    if is_taken {
        return Err(ApiError::with_message(Code::Conflict, "Another role of the organization has this name."));
    }
    Ok(())
}
