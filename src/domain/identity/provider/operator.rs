//! The operator's `keyward user sign-out` and `verify-email`, and the replacement of a password hash.

use crate::base::error::ApiError;
use crate::base::sql::Conn;
use crate::base::sql::schema::accounts;
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::identity::Account;
use crate::domain::members::OrganizationMember;
use crate::domain::tenancy::User;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

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
        let before = Self::lock_named(conn, email)?;
        if let Some(user) = before.user(conn)? {
            // Writes of this user's requests lock the row, too.
            User::hold(conn, user)?;
            for entry in OrganizationMember::entries_everywhere(conn, Action::UserSignedOut, user)? {
                access_change.audit_only(entry);
            }
        }
        match before.disabled_at {
            None => before.end_sign_ins(conn, None, now),
            // Its sessions have ended. Their refresh tokens are kept, as `set_disabled` says.
            Some(_) => before.refuse_sign_ins(conn, now),
        }
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
        let before = Self::lock_named(conn, email)?;
        let after = before.set_email_verified(conn)?;
        if let Some(user) = before.user(conn)? {
            let was = json!({ "emailVerified": before.email_verified });
            let is = json!({ "emailVerified": after.email_verified });
            for entry in OrganizationMember::entries_everywhere(conn, Action::UserEmailVerified, user)? {
                access_change.audit_only(entry.changed(was.clone(), is.clone()));
            }
        }
        Ok(after)
    }
}
