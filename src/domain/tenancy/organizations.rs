//! Rows of `organizations`.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::paging::Position;
use crate::base::policy::OrganizationRole;
use crate::base::sql::schema::{organization_members, organizations};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// A paying customer, the tenant.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = organizations)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
}

impl Organization {
    /// Finds an organization by id, for services and the operator.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn find(conn: &mut Conn, id: OrganizationId) -> Result<Option<Self>, ApiError> {
        Ok(organizations::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns an organization and a user's role in it, as a guard needs them. `None` when either is missing.
    ///
    /// # Errors
    /// Database errors.
    pub fn with_role_of(
        conn: &mut Conn,
        id: OrganizationId,
        user: UserId,
    ) -> Result<Option<(Self, OrganizationRole)>, ApiError> {
        Ok(organizations::table
            .inner_join(organization_members::table)
            .filter(organizations::id.eq(id).and(organization_members::user_id.eq(user)))
            .select((Self::as_select(), organization_members::role))
            .first(conn)
            .optional()?)
    }

    /// Returns all organizations of a user, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn all_of(conn: &mut Conn, user: UserId) -> Result<Vec<(Self, OrganizationRole)>, ApiError> {
        let all = Position { size: u16::MAX, after: None };
        Self::page_of(conn, user, all)
    }

    /// Returns a page of a user's organizations, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        user: UserId,
        page: Position<OrganizationId>,
    ) -> Result<Vec<(Self, OrganizationRole)>, ApiError> {
        let mut query = organizations::table
            .inner_join(organization_members::table)
            .filter(organization_members::user_id.eq(user))
            .select((Self::as_select(), organization_members::role))
            .order(organizations::id.desc())
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            query = query.filter(organizations::id.lt(after));
        }
        Ok(query.load(conn)?)
    }

    /// Returns a page of the organizations that a service sees, newest first: all of them, or `only` one. With a user,
    /// those of the user, with the user's role; else with an owner's.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of_service(
        conn: &mut Conn,
        user: Option<UserId>,
        only: Option<OrganizationId>,
        page: Position<OrganizationId>,
    ) -> Result<Vec<(Self, OrganizationRole)>, ApiError> {
        let own = organization_members::table.on(organization_members::organization_id
            .eq(organizations::id)
            .and(organization_members::user_id.nullable().eq(user)));
        let mut query = organizations::table
            .left_join(own)
            .select((Self::as_select(), organization_members::role.nullable()))
            .order(organizations::id.desc())
            .limit(page.limit())
            .into_boxed();
        if user.is_some() {
            query = query.filter(organization_members::user_id.is_not_null());
        }
        if let Some(only) = only {
            query = query.filter(organizations::id.eq(only));
        }
        if let Some(after) = page.after {
            query = query.filter(organizations::id.lt(after));
        }
        let rows: Vec<(Self, Option<OrganizationRole>)> = query.load(conn)?;
        let acting = |(organization, role): (Self, Option<_>)| (organization, role.unwrap_or(OrganizationRole::Owner));
        Ok(rows.into_iter().map(acting).collect())
    }

    /// Locks all organizations of a user until the transaction ends, in the order of their ids, and returns them. For
    /// changes that decide whether the user can act. Lock the user first: then no membership is added meanwhile.
    ///
    /// # Errors
    /// Database errors.
    pub fn lock_all_of(conn: &mut Conn, user: UserId) -> Result<Vec<OrganizationId>, ApiError> {
        let own = organization_members::table
            .filter(organization_members::user_id.eq(user))
            .select(organization_members::organization_id);
        let rows = organizations::table
            .filter(organizations::id.eq_any(own))
            .select(organizations::id)
            .order(organizations::id);
        Ok(ForUpdate(rows).get_results(conn)?)
    }

    /// Locks the organization until the transaction ends. Changes of its members take this lock.
    ///
    /// # Errors
    /// `not_found` when the organization was deleted meanwhile.
    pub fn lock(conn: &mut Conn, id: OrganizationId) -> Result<(), ApiError> {
        ForUpdate(organizations::table.find(id).select(organizations::id)).get_result::<OrganizationId>(conn)?;
        Ok(())
    }
}
