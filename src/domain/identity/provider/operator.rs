//! The operator's `keyward user sign-out` and `verify-email`, and the replacement of a password hash.

use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::sql::schema::{accounts, refresh_tokens, users};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::identity::{Account, BUILTIN_ISSUER};
use crate::domain::members::OrganizationMember;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::time::Duration;

impl Account {
    /// Stores another hash of the same password.
    pub(crate) fn replace_hash(&self, conn: &mut Conn, hash: &SecretString) -> Result<(), ApiError> {
        let hash = accounts::password_hash.eq(hash.expose_secret());
        diesel::update(accounts::table.find(&self.id)).set(hash).execute(conn)?;
        Ok(())
    }

    /// Ends all sign-ins of the account: it deletes the refresh tokens, and every node rejects existing ID tokens from
    /// the next request on, since it reads the account's row for each.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn sign_out(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        conn.write(|conn| {
            let row = accounts::table.filter(accounts::email.eq(email.to_lowercase())).select(Self::as_select());
            let before = ForUpdate(row).get_result::<Self>(conn)?;
            diesel::delete(refresh_tokens::table.filter(refresh_tokens::account_id.eq(&before.id))).execute(conn)?;
            // ID tokens have whole seconds: those of the current second must be invalid too.
            let valid_since = now.max(before.valid_since).plus(Duration::from_secs(1));
            if let Some(user) = before.user(conn)? {
                for entry in OrganizationMember::entries_everywhere(conn, Action::UserSignedOut, user)? {
                    access_change.audit_only(entry);
                }
            }
            Ok(diesel::update(accounts::table.find(&before.id))
                .set(accounts::valid_since.eq(valid_since))
                .returning(Self::columns())
                .get_result(conn)?)
        })
    }

    /// [`Account::verify_email`] by the operator, with audit entries.
    ///
    /// # Errors
    /// Those of [`Account::verify_email`].
    pub fn verify_email_of_user(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
    ) -> Result<Self, ApiError> {
        let row = accounts::table.filter(accounts::email.eq(email.to_lowercase())).select(Self::as_select());
        let before = ForUpdate(row).get_result::<Self>(conn)?;
        let after = Self::verify_email(conn, email)?;
        if let Some(user) = before.user(conn)? {
            let was = json!({ "emailVerified": before.email_verified });
            let is = json!({ "emailVerified": after.email_verified });
            for entry in OrganizationMember::entries_everywhere(conn, Action::UserEmailVerified, user)? {
                access_change.audit_only(entry.changed(was.clone(), is.clone()));
            }
        }
        Ok(after)
    }

    /// Returns the account's user, which exists after its first ID token.
    pub(crate) fn user(&self, conn: &mut Conn) -> Result<Option<UserId>, ApiError> {
        let own = users::issuer.eq(BUILTIN_ISSUER).and(users::subject.eq(&self.id));
        Ok(users::table.filter(own).select(users::id).first(conn).optional()?)
    }
}
