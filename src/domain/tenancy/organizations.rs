//! Rows of `organizations`.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::paging::Position;
use crate::base::policy::OrganizationRole;
use crate::base::sql::schema::{organization_members, organizations};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// The paying customer.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = organizations)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// The name to show.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Organization {
    /// An organization and a user's role in it: what a guard is made from. `None` when either is missing.
    ///
    /// # Errors
    /// Those of the database.
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

    /// All organizations of a user, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all_of(conn: &mut Conn, user: UserId) -> Result<Vec<(Self, OrganizationRole)>, ApiError> {
        let all = Position { size: u16::MAX, after: None };
        Self::page_of(conn, user, all)
    }

    /// A page of a user's organizations, newest first.
    ///
    /// # Errors
    /// Those of the database.
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

    /// Holds the organization until the transaction ends: whoever changes its members does so one after another.
    ///
    /// # Errors
    /// `not_found` when it was deleted meanwhile.
    pub fn lock(conn: &mut Conn, id: OrganizationId) -> Result<(), ApiError> {
        ForUpdate(organizations::table.find(id).select(organizations::id)).get_result::<OrganizationId>(conn)?;
        Ok(())
    }
}
