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
