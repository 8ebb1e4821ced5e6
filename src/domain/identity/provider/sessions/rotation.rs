//! Rotation of refresh tokens ([RFC 9700, 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2)).
//!
//! Each refresh replaces the token. A client that lost the answer, and another tab with the same token, may use the old
//! one again within `identity.sessions.reuse_grace`. They get the same successor: it is computed from the token and a
//! random salt that the token's row keeps. So tabs go on sharing one token, and retries make no second one.
//!
//! After the grace, a replaced token means that two parties have it, so its session ends. Rows of replaced tokens are
//! deleted then. The session still knows such a token by its first half, which all its tokens share.

use super::{Session, SessionClient};
use crate::base::config::SessionSettings;
use crate::base::error::ApiError;
use crate::base::ids::SessionId;
use crate::base::sql::Conn;
use crate::base::sql::schema::{refresh_tokens, sessions};
use crate::base::time::Timestamp;
use crate::domain::identity::provider::accounts::Account;
use crate::domain::identity::provider::firebase_error::FirebaseError;
use crate::domain::identity::provider::refresh_tokens::{RefreshToken, RefreshTokenRow};
use diesel::prelude::*;

/// What a refresh token gets.
pub(in crate::domain::identity::provider) enum RefreshOutcome {
    /// The session goes on with this token.
    Continued(Box<ContinuedSession>),
    /// Nothing changed.
    Refused(FirebaseError),
    /// The token was replaced, and its grace is over. Nothing changed yet: the session must end.
    Replayed(SessionId),
}

/// A session that goes on.
pub(in crate::domain::identity::provider) struct ContinuedSession {
    pub(in crate::domain::identity::provider) account: Account,
    pub(in crate::domain::identity::provider) session: Session,
    /// The one to use from now on.
    pub(in crate::domain::identity::provider) token: RefreshToken,
}

impl Session {
    /// Uses a refresh token: replaces it, or returns its successor if it was replaced just now.
    pub(in crate::domain::identity::provider) fn refresh(
        conn: &mut Conn,
        token: RefreshToken,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> Result<RefreshOutcome, ApiError> {
        let refused = |error| Ok(RefreshOutcome::Refused(error));
        let Some(account_id) = token.account_id(conn)? else {
            // A token of the right form that is not stored was deleted. Firebase's SDK signs out on either error.
            let is_orphaned = token.is_orphaned(conn)?;
            return refused(if is_orphaned { FirebaseError::UserNotFound } else { FirebaseError::TokenExpired });
        };
        // Refreshes with the same token run one after another.
        let Some(account) = Account::lock_by_id(conn, &account_id)? else {
            return refused(FirebaseError::UserNotFound);
        };
        if account.disabled_at.is_some() {
            return refused(FirebaseError::UserDisabled);
        }
        let row = RefreshTokenRow::find(conn, &token)?;
        let session = match &row {
            Some(row) => Some(row.session(conn, now)?),
            None => Self::of_family(conn, &token)?,
        };
        let Some(session) = session
            .filter(|session| now < session.ends_at(settings) && account.honours(session.authenticated_at.seconds()))
        else {
            return refused(FirebaseError::TokenExpired);
        };
        let in_grace = |row: &RefreshTokenRow| row.replaced_at.is_none_or(|at| now < at.plus(settings.reuse_grace));
        let Some(row) = row.filter(in_grace) else { return Ok(RefreshOutcome::Replayed(session.id)) };
        let token = match row.newest(conn, token)? {
            Some(newest) if row.replaced_at.is_some() => newest,
            Some(token) => {
                session.delete_replaced(conn, now.minus(settings.reuse_grace))?;
                token.replace(conn, &session, now)?
            }
            // The session's tokens were deleted, so it has ended.
            None => return refused(FirebaseError::TokenExpired),
        };
        let session = session.touch(conn, &token, now)?;
        account.touch_refresh(conn, now)?;
        Ok(RefreshOutcome::Continued(Box::new(ContinuedSession { account, session, token })))
    }

    /// Finds the session to which a token belonged that is not stored any more.
    fn of_family(conn: &mut Conn, token: &RefreshToken) -> Result<Option<Self>, ApiError> {
        let family = sessions::table.filter(sessions::family_hash.eq(token.family_hash()));
        Ok(family.select(Self::as_select()).first(conn).optional()?)
    }

    /// Deletes the tokens that were replaced at that moment or before.
    fn delete_replaced(&self, conn: &mut Conn, at: Timestamp) -> Result<(), ApiError> {
        let own = refresh_tokens::session_id.eq(self.id).and(refresh_tokens::replaced_at.le(at));
        diesel::delete(refresh_tokens::table.filter(own)).execute(conn)?;
        Ok(())
    }

    /// Records a use by the current request.
    pub(super) fn touch(self, conn: &mut Conn, token: &RefreshToken, now: Timestamp) -> Result<Self, ApiError> {
        let SessionClient { user_agent, address } = SessionClient::here();
        let touched = Self { last_used_at: now, family_hash: token.family_hash(), user_agent, address, ..self };
        diesel::update(sessions::table.find(touched.id))
            .set((
                sessions::last_used_at.eq(now),
                sessions::family_hash.eq(&touched.family_hash),
                sessions::user_agent.eq(&touched.user_agent),
                sessions::address.eq(&touched.address),
            ))
            .execute(conn)?;
        Ok(touched)
    }
}
