//! Rows of `refresh_tokens`, and of `orphaned_refresh_tokens`, which have the tokens of deleted accounts.

use super::sessions::Session;
use crate::base::error::ApiError;
use crate::base::ids::SessionId;
use crate::base::secret_token::{BYTES, SecretToken, TokenKind};
use crate::base::sql::Conn;
use crate::base::sql::schema::{orphaned_refresh_tokens, refresh_tokens, sessions};
use crate::base::time::Timestamp;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

/// The first bytes of a token, which all tokens of a session share.
const FAMILY_BYTES: usize = 16;
/// The most successors of a token within its grace: a bound on the work of a refresh.
const MAX_SUCCESSORS: usize = 100;

/// A refresh token, which gets new ID tokens for one session. The database stores its SHA-256.
pub(crate) type RefreshToken = SecretToken<ForRefresh>;

/// The kind of a [`RefreshToken`].
pub(crate) enum ForRefresh {}

impl TokenKind for ForRefresh {}

/// The row of a token.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
pub(super) struct RefreshTokenRow {
    pub(super) hash: Vec<u8>,
    pub(super) account_id: String,
    pub(super) authenticated_at: Timestamp,
    pub(super) created_at: Timestamp,
    /// `None` for a token of the version before.
    session_id: Option<SessionId>,
    /// When a newer token replaced it.
    pub(super) replaced_at: Option<Timestamp>,
    successor_salt: Option<Vec<u8>>,
}

impl RefreshToken {
    /// Stores a session's token.
    pub(super) fn insert(&self, conn: &mut Conn, session: &Session, now: Timestamp) -> Result<(), ApiError> {
        let row = (
            refresh_tokens::hash.eq(self.hash()),
            refresh_tokens::account_id.eq(&session.account_id),
            refresh_tokens::authenticated_at.eq(session.authenticated_at),
            refresh_tokens::created_at.eq(now),
            refresh_tokens::session_id.eq(session.id),
        );
        diesel::insert_into(refresh_tokens::table).values(row).execute(conn)?;
        Ok(())
    }

    /// Returns SHA-256 of what it has in common with the session's other tokens; `None` for another form.
    pub(super) fn family_hash(&self) -> Option<Vec<u8>> {
        self.bytes().map(|bytes| Sha256::digest(&bytes[..FAMILY_BYTES]).to_vec())
    }

    /// Returns the token that replaces this one. Only a holder of this token can compute it.
    fn successor(&self, salt: &[u8]) -> Option<Self> {
        let mut bytes: [u8; BYTES] = self.bytes()?;
        let digest = Sha256::new().chain_update(salt).chain_update(bytes).finalize();
        bytes[FAMILY_BYTES..].copy_from_slice(&digest[..BYTES - FAMILY_BYTES]);
        Some(Self::of_bytes(bytes))
    }

    /// Stores the successor, and marks this token as replaced.
    pub(super) fn replace(&self, conn: &mut Conn, session: &Session, now: Timestamp) -> Result<Self, ApiError> {
        let salt: [u8; BYTES] = rand::random();
        let successor = self.successor(&salt).ok_or_else(|| ApiError::internal("a refresh token of another form"))?;
        diesel::update(refresh_tokens::table.find(self.hash()))
            .set((refresh_tokens::replaced_at.eq(now), refresh_tokens::successor_salt.eq(&salt[..])))
            .execute(conn)?;
        successor.insert(conn, session, now)?;
        Ok(successor)
    }

    /// True when the token belonged to an account that was deleted.
    pub(super) fn is_orphaned(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        let row = orphaned_refresh_tokens::table.find(self.hash()).select(orphaned_refresh_tokens::hash);
        Ok(row.first::<Vec<u8>>(conn).optional()?.is_some())
    }

    /// Returns the account of the token or, if the token is not stored any more, of its session.
    pub(super) fn account_id(&self, conn: &mut Conn) -> Result<Option<String>, ApiError> {
        let stored = refresh_tokens::table.find(self.hash()).select(refresh_tokens::account_id);
        if let Some(account) = stored.first(conn).optional()? {
            return Ok(Some(account));
        }
        let family = sessions::table.filter(sessions::family_hash.eq(self.family_hash())).select(sessions::account_id);
        Ok(family.first(conn).optional()?)
    }
}

impl RefreshTokenRow {
    /// Finds the row of a token.
    pub(super) fn find(conn: &mut Conn, token: &RefreshToken) -> Result<Option<Self>, ApiError> {
        Self::by_hash(conn, &token.hash())
    }

    /// Finds the row of a token's SHA-256.
    pub(super) fn by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<Self>, ApiError> {
        Ok(refresh_tokens::table.find(hash).select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns the token's session. Makes one for a token of the version before. Call it under the account's lock.
    pub(super) fn session(&self, conn: &mut Conn, now: Timestamp) -> Result<Session, ApiError> {
        match self.session_id {
            Some(id) => Ok(sessions::table.find(id).select(Session::as_select()).first(conn)?),
            None => Session::adopt(conn, self, now),
        }
    }

    /// Returns the last successor of this row's token: the token itself if it was not replaced.
    pub(super) fn newest(&self, conn: &mut Conn, token: RefreshToken) -> Result<Option<RefreshToken>, ApiError> {
        let (mut row, mut token) = (self.clone(), token);
        for _ in 0..MAX_SUCCESSORS {
            let Some(salt) = &row.successor_salt else { return Ok(Some(token)) };
            let Some(successor) = token.successor(salt) else { return Ok(None) };
            let Some(next) = Self::find(conn, &successor)? else { return Ok(None) };
            (row, token) = (next, successor);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_shares_the_family_and_can_be_computed_again_from_token_and_salt() {
        let (token, salt) = (RefreshToken::generate(), [7; BYTES]);
        let successor = token.successor(&salt).unwrap();
        assert_eq!(successor.expose(), token.successor(&salt).unwrap().expose());
        assert_eq!(successor.family_hash(), token.family_hash());
        assert_ne!(successor.hash(), token.hash());
        assert_ne!(successor.hash(), token.successor(&[8; BYTES]).unwrap().hash());
        assert!(RefreshToken::parse(&successor.into_secret()).is_some());
        assert_ne!(token.family_hash(), RefreshToken::generate().family_hash());
    }
}
