//! The user of an account: the row of `users` with the built-in issuer, and the account's id as the subject.

use super::accounts::Account;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::sql::Conn;
use crate::base::sql::schema::users;
use crate::domain::audit::Actor;
use crate::domain::changes::AccessChange;
use crate::domain::identity::BUILTIN_ISSUER;
use diesel::dsl::{And, Eq};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::sql_types::Text;

/// The SQL condition that a row of `users` belongs to the account of that id.
pub(crate) fn is_user_of<Id>(account_id: Id) -> And<IsBuiltIn, Eq<users::subject, Id>>
where
    Id: AsExpression<Text>,
{
    is_builtin().and(users::subject.eq(account_id))
}

/// The type of [`is_builtin`].
type IsBuiltIn = Eq<users::issuer, &'static str>;

/// The SQL condition that a row of `users` belongs to an account, of which the subject is the id.
fn is_builtin() -> IsBuiltIn {
    users::issuer.eq(BUILTIN_ISSUER)
}

impl Account {
    /// Returns the user of an account's id.
    pub(crate) fn user_of(conn: &mut Conn, id: &str) -> Result<Option<UserId>, ApiError> {
        Ok(users::table.filter(is_user_of(id)).select(users::id).first(conn).optional()?)
    }

    /// Returns the account's user, which exists after its first ID token.
    pub(crate) fn user(&self, conn: &mut Conn) -> Result<Option<UserId>, ApiError> {
        Self::user_of(conn, &self.id)
    }

    /// Names the account's user as the actor of a change, if the user exists.
    pub(super) fn acts(&self, conn: &mut Conn, access_change: &mut AccessChange) -> Result<(), ApiError> {
        if let Some(user) = self.user(conn)? {
            access_change.act_as(Actor::User(user));
        }
        Ok(())
    }

    /// Returns a user's account; `None` for a user of another issuer.
    pub(super) fn of_user(conn: &mut Conn, user: UserId) -> Result<Option<Self>, ApiError> {
        match Self::id_of_user(conn, user)? {
            Some(id) => Self::find(conn, &id),
            None => Ok(None),
        }
    }

    /// Returns the id of a user's account; `None` for a user of another issuer.
    pub(super) fn id_of_user(conn: &mut Conn, user: UserId) -> Result<Option<String>, ApiError> {
        Ok(users::table.find(user).filter(is_builtin()).select(users::subject).first(conn).optional()?)
    }
}
