//! Rows of `refresh_tokens`, and of `orphaned_refresh_tokens`, which have the tokens of deleted accounts.

use super::accounts::Account;
use crate::base::error::ApiError;
use crate::base::secret_token::{SecretToken, TokenKind};
use crate::base::sql::Conn;
use crate::base::sql::schema::{accounts, orphaned_refresh_tokens, refresh_tokens};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// A refresh token, which gets new ID tokens for one sign-in. The database stores its SHA-256.
pub(crate) type RefreshToken = SecretToken<ForRefresh>;

/// The kind of a [`RefreshToken`].
pub(crate) enum ForRefresh {}

impl TokenKind for ForRefresh {}

impl RefreshToken {
    /// Stores the token of a sign-in.
    pub(crate) fn insert(
        &self,
        conn: &mut Conn,
        account: &Account,
        authenticated_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let row = (
            refresh_tokens::hash.eq(self.hash()),
            refresh_tokens::account_id.eq(&account.id),
            refresh_tokens::authenticated_at.eq(authenticated_at),
            refresh_tokens::created_at.eq(now),
        );
        diesel::insert_into(refresh_tokens::table).values(row).execute(conn)?;
        Ok(())
    }

    /// True when the token belonged to an account that was deleted.
    pub(crate) fn is_orphaned(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        let row = orphaned_refresh_tokens::table.find(self.hash()).select(orphaned_refresh_tokens::hash);
        Ok(row.first::<Vec<u8>>(conn).optional()?.is_some())
    }

    /// Returns the token's account and the time of its sign-in.
    pub(crate) fn owner(&self, conn: &mut Conn) -> Result<Option<(Account, Timestamp)>, ApiError> {
        Ok(refresh_tokens::table
            .find(self.hash())
            .inner_join(accounts::table)
            .select((Account::as_select(), refresh_tokens::authenticated_at))
            .first(conn)
            .optional()?)
    }
}
