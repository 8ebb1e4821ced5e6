//! Rows of `sessions`: sign-ins at the built-in provider.
//!
//! A session ends when it is not used for `identity.sessions.idle_lifetime`, after `absolute_lifetime`, or when it is
//! deleted ([`ending`]). Its ID tokens name it, so each node refuses them from then on. [`rotation`] replaces its
//! refresh tokens, and [`upkeep`] deletes old sessions.

mod ending;
mod rotation;
pub mod upkeep;

pub(super) use rotation::{ContinuedSession, RefreshOutcome};

use super::accounts::Account;
use super::firebase_error::{FirebaseError, TransactionAnswer};
use super::refresh_tokens::RefreshToken;
use crate::base::config::SessionSettings;
use crate::base::error::ApiError;
use crate::base::ids::{SessionId, UserId};
use crate::base::paging::Position;
use crate::base::sql::Conn;
use crate::base::sql::schema::{accounts, sessions};
use crate::base::text::printable;
use crate::base::time::Timestamp;
use crate::domain::identity::tokens::Claims;
use crate::infra::request::{RequestContext, RequestOrigin};
use diesel::prelude::*;

/// The most characters of a client's `User-Agent`.
const MAX_USER_AGENT_LENGTH: usize = 256;

/// A sign-in with its refresh tokens.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub id: SessionId,
    pub(super) account_id: String,
    /// When the password was verified: the `auth_time` of its ID tokens.
    pub(super) authenticated_at: Timestamp,
    /// The absolute lifetime counts from here.
    pub(super) lifetime_starts_at: Timestamp,
    /// The last refresh of its tokens, or the sign-in.
    pub last_used_at: Timestamp,
    /// SHA-256 of what its refresh tokens have in common; `None` while only a token of an older version is known.
    pub(super) family_hash: Option<Vec<u8>>,
    /// The client's own claim, at the last use.
    pub user_agent: Option<String>,
    /// The client's address at the last use.
    pub address: Option<String>,
    pub created_at: Timestamp,
}

/// The client of the current request, as a session shows it.
struct SessionClient {
    user_agent: Option<String>,
    address: Option<String>,
}

impl SessionClient {
    fn here() -> Self {
        let origin = RequestContext::origin();
        let user_agent = origin.as_ref().and_then(RequestOrigin::user_agent);
        let user_agent = user_agent.map(|text| printable(text, MAX_USER_AGENT_LENGTH)).filter(|text| !text.is_empty());
        let address = origin.as_ref().and_then(RequestOrigin::address).map(|address| address.to_string());
        Self { user_agent, address }
    }
}

impl Session {
    /// Starts the session of a sign-in by the current request. Returns it with its first refresh token.
    pub(crate) fn start(
        conn: &mut Conn,
        account: &Account,
        authenticated_at: Timestamp,
        now: Timestamp,
    ) -> Result<(Self, RefreshToken), ApiError> {
        let token = RefreshToken::generate();
        let SessionClient { user_agent, address } = SessionClient::here();
        let session = Self {
            id: SessionId::new(),
            account_id: account.id.clone(),
            authenticated_at,
            lifetime_starts_at: now,
            last_used_at: now,
            family_hash: token.family_hash(),
            user_agent,
            address,
            created_at: now,
        };
        diesel::insert_into(sessions::table).values(session.clone()).execute(conn)?;
        token.insert(conn, &session, now)?;
        Ok((session, token))
    }

    /// Returns when the session ends, unless it is used before.
    pub(crate) fn ends_at(&self, settings: &SessionSettings) -> Timestamp {
        let idle = self.last_used_at.plus(settings.idle_lifetime);
        idle.min(self.lifetime_starts_at.plus(settings.absolute_lifetime))
    }

    /// Finds an account's session.
    fn find(conn: &mut Conn, account_id: &str, id: SessionId) -> Result<Option<Self>, ApiError> {
        let one = sessions::table.find(id).filter(sessions::account_id.eq(account_id));
        Ok(one.select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns a page of the user's sessions that have not ended, newest first. A user of another issuer has none.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        user: UserId,
        settings: &SessionSettings,
        now: Timestamp,
        page: Position<SessionId>,
    ) -> Result<Vec<Self>, ApiError> {
        let Some(account) = Account::of_user(conn, user)? else { return Ok(Vec::new()) };
        let mut query = sessions::table
            .filter(sessions::account_id.eq(&account.id))
            .filter(sessions::authenticated_at.ge(account.honoured_from()))
            .filter(sessions::last_used_at.gt(now.minus(settings.idle_lifetime)))
            .filter(sessions::lifetime_starts_at.gt(now.minus(settings.absolute_lifetime)))
            .select(Self::as_select())
            .order(sessions::id.desc())
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            query = query.filter(sessions::id.lt(after));
        }
        Ok(query.load(conn)?)
    }
}

/// The account of an ID token, and the token's session.
pub(crate) struct SignedInAccount {
    pub(crate) account: Account,
    /// `None` for a token of a version without sessions.
    pub(crate) session: Option<Session>,
}

impl SignedInAccount {
    /// Reads account and session by one statement.
    pub(crate) fn find(
        conn: &mut Conn,
        claims: &Claims,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> TransactionAnswer<Self> {
        let of_token = sessions::account_id.eq(accounts::id).and(sessions::id.nullable().eq(claims.session_id()));
        let found: Option<(Account, Option<Session>)> = accounts::table
            .find(&claims.sub)
            .left_join(sessions::table.on(of_token))
            .select((Account::as_select(), Option::<Session>::as_select()))
            .first(conn)
            .optional()?;
        let Some((account, session)) = found else { return Ok(Err(FirebaseError::UserNotFound)) };
        Ok(Self { account, session }.check(claims, settings, now))
    }

    /// [`SignedInAccount::find`] that locks the account until the transaction ends.
    pub(crate) fn lock(
        conn: &mut Conn,
        claims: &Claims,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> TransactionAnswer<Self> {
        let Some(account) = Account::lock_by_id(conn, &claims.sub)? else {
            return Ok(Err(FirebaseError::UserNotFound));
        };
        let session = match claims.session_id() {
            Some(id) => Session::find(conn, &account.id, id)?,
            None => None,
        };
        Ok(Self { account, session }.check(claims, settings, now))
    }

    fn check(self, claims: &Claims, settings: &SessionSettings, now: Timestamp) -> Result<Self, FirebaseError> {
        if self.account.disabled_at.is_some() {
            return Err(FirebaseError::UserDisabled);
        }
        let session_lasts = match &self.session {
            Some(session) => now < session.ends_at(settings),
            None => claims.session_id().is_none(),
        };
        if session_lasts && self.account.honours(claims.auth_time) {
            Ok(self)
        } else {
            Err(FirebaseError::TokenExpired)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Clock;
    use std::time::Duration;

    const SETTINGS: SessionSettings = SessionSettings {
        idle_lifetime: Duration::from_secs(7200),
        absolute_lifetime: Duration::from_secs(10_000),
        reuse_grace: Duration::from_secs(30),
    };

    #[test]
    fn a_token_without_a_session_is_one_of_the_version_before_and_one_of_an_ended_session_is_refused() {
        let now = Clock::system().now();
        let account = Account::new("ada@example.com".into(), now);
        let session = Session {
            id: SessionId::new(),
            account_id: account.id.clone(),
            authenticated_at: now,
            lifetime_starts_at: now,
            last_used_at: now,
            family_hash: None,
            user_agent: None,
            address: None,
            created_at: now,
        };
        let claims = |sid: Option<SessionId>| -> Claims {
            let json = serde_json::json!({
                "iss": "i", "aud": "a", "sub": account.id, "iat": now.seconds(), "exp": now.seconds() + 3600,
                "auth_time": now.seconds(), "sid": sid,
            });
            serde_json::from_value(json).unwrap()
        };
        let check = |sid: Option<SessionId>, session: Option<&Session>, later: u64| {
            let own = SignedInAccount { account: account.clone(), session: session.cloned() };
            own.check(&claims(sid), &SETTINGS, now.plus(Duration::from_secs(later))).map(|_| ())
        };
        assert_eq!(check(None, None, 0), Ok(()));
        assert_eq!(check(Some(session.id), Some(&session), 7199), Ok(()));
        assert_eq!(check(Some(session.id), Some(&session), 7200), Err(FirebaseError::TokenExpired));
        assert_eq!(check(Some(session.id), None, 0), Err(FirebaseError::TokenExpired));
        let used = Session { last_used_at: now.plus(Duration::from_secs(7000)), ..session };
        assert_eq!(check(Some(used.id), Some(&used), 9_999), Ok(()));
        assert_eq!(check(Some(used.id), Some(&used), 10_000), Err(FirebaseError::TokenExpired));
    }
}
