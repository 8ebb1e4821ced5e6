//! Ends sessions: one, all others, all, one whose refresh token was replayed, or those from before a confirmed address.
//!
//! A session ends by deletion. Its refresh tokens go with it, and each node refuses its ID tokens with the next
//! request.

use super::{Session, SessionClient};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{SessionId, UserId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{refresh_tokens, sessions};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Actor};
use crate::domain::changes::AccessChange;
use crate::domain::identity::provider::accounts::Account;
use crate::domain::identity::provider::refresh_tokens::RefreshToken;
use crate::domain::members::OrganizationMember;
use crate::domain::tenancy::{SignedInUser, User};
use diesel::prelude::*;
use serde_json::json;

const OF_ANOTHER_ISSUER: &str = "Your session is at your identity provider. Sign out there.";
const UNKNOWN: &str = "Your ID token names no session. Refresh it, then try again.";

impl Session {
    /// Returns the session of the caller's ID token.
    ///
    /// # Errors
    /// `conflict` for a token of another issuer, or of a version without sessions.
    pub fn of_caller(caller: &SignedInUser) -> Result<SessionId, ApiError> {
        let reason = if caller.is_built_in() { UNKNOWN } else { OF_ANOTHER_ISSUER };
        caller.session().ok_or_else(|| ApiError::with_message(Code::Conflict, reason))
    }

    /// Ends one of the user's sessions. Call it under the locks of the user's account and row.
    ///
    /// # Errors
    /// `not_found`, or a database error.
    pub fn end(conn: &mut Conn, access_change: &mut AccessChange, user: UserId, id: SessionId) -> Result<(), ApiError> {
        let account = Account::id_of_user(conn, user)?.ok_or_else(ApiError::not_found)?;
        let session = Self::find(conn, &account, id)?.ok_or_else(ApiError::not_found)?;
        session.delete(conn)?;
        record(conn, access_change, user, 1, "ended_by_user")
    }

    /// Ends all of the user's sessions but one, and returns their number. Call it under the locks of the user's account
    /// and row.
    ///
    /// # Errors
    /// Database errors.
    pub fn end_others(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        user: UserId,
        kept: SessionId,
    ) -> Result<usize, ApiError> {
        let account = Account::id_of_user(conn, user)?.ok_or_else(ApiError::not_found)?;
        let ended = Self::delete_all(conn, &account, Some(kept))?;
        if ended > 0 {
            record(conn, access_change, user, ended, "ended_by_user")?;
        }
        Ok(ended)
    }

    /// Ends a session whose replaced refresh token was used again. Does nothing if it has ended.
    pub(in crate::domain::identity::provider) fn end_replayed(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: SessionId,
    ) -> Result<(), ApiError> {
        let account: Option<String> = sessions::table.find(id).select(sessions::account_id).first(conn).optional()?;
        let Some(account) = account else { return Ok(()) };
        let Some(account) = Account::lock_by_id(conn, &account)? else { return Ok(()) };
        let Some(session) = Self::find(conn, &account.id, id)? else { return Ok(()) };
        session.delete(conn)?;
        tracing::warn!(account = account.id, session = %id, "a replaced refresh token was used again: its session ended");
        if let Some(user) = account.user(conn)? {
            // Writes of this user's requests lock the row, too.
            User::hold(conn, user)?;
            access_change.act_as(Actor::Anonymous);
            record(conn, access_change, user, 1, "refresh_token_reused")?;
        }
        Ok(())
    }

    /// Ends the sessions that began before the account's address was confirmed, since another person may have signed up
    /// with the address. What the confirming person holds is kept: the session that the request proves; if it proves
    /// none, those last used by the same browser, that is from the same address with the same `User-Agent`. Call it under
    /// the account's lock.
    pub(in crate::domain::identity::provider) fn end_strangers(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        account: &Account,
        proved: Option<SessionId>,
    ) -> Result<(), ApiError> {
        let ended = match (proved, SessionClient::here()) {
            (None, SessionClient { user_agent: Some(user_agent), address: Some(address) }) => {
                let another_agent = sessions::user_agent.is_null().or(sessions::user_agent.ne(user_agent));
                let elsewhere = sessions::address.is_null().or(sessions::address.ne(address));
                let own = sessions::table.filter(sessions::account_id.eq(&account.id));
                diesel::delete(own.filter(another_agent.or(elsewhere))).execute(conn)?
            }
            (proved, _) => Self::delete_all(conn, &account.id, proved)?,
        };
        match account.user(conn)? {
            Some(user) if ended > 0 => {
                // Writes of this user's requests lock the row, too.
                User::hold(conn, user)?;
                record(conn, access_change, user, ended, "email_confirmed")
            }
            _ => Ok(()),
        }
    }

    /// Deletes an account's sessions but the kept one, with their refresh tokens. Returns how many they were. Call it
    /// under the account's lock.
    pub(in crate::domain::identity::provider) fn delete_all(
        conn: &mut Conn,
        account_id: &str,
        kept: Option<SessionId>,
    ) -> Result<usize, ApiError> {
        let own = refresh_tokens::table.filter(refresh_tokens::account_id.eq(account_id));
        let without_session = diesel::delete(own.filter(refresh_tokens::session_id.is_null())).execute(conn)?;
        let own = sessions::table.filter(sessions::account_id.eq(account_id));
        let with_session = match kept {
            Some(kept) => diesel::delete(own.filter(sessions::id.ne(kept))).execute(conn)?,
            None => diesel::delete(own).execute(conn)?,
        };
        Ok(without_session + with_session)
    }

    /// Continues the session after its person has proved the password again. Its refresh token is a new one of a new
    /// family, and the earlier ones are unknown.
    pub(in crate::domain::identity::provider) fn renew(
        self,
        conn: &mut Conn,
        authenticated_at: Timestamp,
        now: Timestamp,
    ) -> Result<(Self, RefreshToken), ApiError> {
        diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq(self.id))).execute(conn)?;
        diesel::update(sessions::table.find(self.id))
            .set(sessions::authenticated_at.eq(authenticated_at))
            .execute(conn)?;
        let token = RefreshToken::generate();
        let session = Self { authenticated_at, ..self }.touch(conn, &token, now)?;
        token.insert(conn, &session, now)?;
        Ok((session, token))
    }

    fn delete(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::delete(sessions::table.find(self.id)).execute(conn)?;
        Ok(())
    }
}

/// Writes the end of sessions to the trails of the user's organizations.
fn record(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    user: UserId,
    sessions: usize,
    reason: &str,
) -> Result<(), ApiError> {
    for entry in OrganizationMember::entries_of_newest(conn, Action::UserSessionEnded, user)? {
        access_change.audit_only(entry.after(json!({ "sessions": sessions, "reason": reason })));
    }
    Ok(())
}
