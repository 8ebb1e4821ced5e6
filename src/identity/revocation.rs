//! Ending sign-ins: what `keyward user sign-out` does; and the replacement of a hash.

use super::Account;
use crate::db::schema::{accounts, refresh_tokens};
use crate::db::{Columns, Conn, ForUpdate, Timestamp};
use crate::error::ApiError;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

impl Account {
    /// Stores another hash of the same password.
    pub(super) fn replace_hash(&self, conn: &mut Conn, hash: &SecretString) -> Result<(), ApiError> {
        let hash = accounts::password_hash.eq(hash.expose_secret());
        diesel::update(accounts::table.find(&self.id)).set(hash).execute(conn)?;
        Ok(())
    }

    /// Ends every sign-in of the account up to that moment: the refresh tokens go, and ID tokens made so far are refused
    /// by every node with the next request, since each reads the account's row.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or those of the database.
    pub fn sign_out(conn: &mut Conn, email: &str, now: Timestamp) -> Result<Self, ApiError> {
        conn.write(|conn| {
            let row = accounts::table.filter(accounts::email.eq(email.to_lowercase())).select(Self::as_select());
            let before = ForUpdate(row).get_result::<Self>(conn)?;
            diesel::delete(refresh_tokens::table.filter(refresh_tokens::account_id.eq(&before.id))).execute(conn)?;
            // Tokens count in seconds: those of this very second are among the ended ones.
            let valid_since = now.max(before.valid_since).plus(Duration::from_secs(1));
            Ok(diesel::update(accounts::table.find(&before.id))
                .set(accounts::valid_since.eq(valid_since))
                .returning(Self::columns())
                .get_result(conn)?)
        })
    }
}
