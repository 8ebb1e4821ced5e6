//! The background task for sessions: gives one to refresh tokens of the version before, and deletes ended sessions.

use super::Session;
use crate::base::config::SessionSettings;
use crate::base::error::ApiError;
use crate::base::ids::SessionId;
use crate::base::sql::Conn;
use crate::base::sql::schema::{refresh_tokens, sessions};
use crate::base::time::{Clock, Timestamp};
use crate::domain::identity::provider::accounts::Account;
use crate::domain::identity::provider::refresh_tokens::RefreshTokenRow;
use crate::infra::db::Db;
use crate::infra::periodic;
use diesel::prelude::*;

/// The most rows that one transaction changes, so that sign-ins wait only briefly.
const BATCH: i64 = 100;

/// Runs the task for ever. It begins with the start of the server.
pub async fn keep_sessions(db: Db, clock: Clock, settings: SessionSettings) {
    let idle = settings.idle_lifetime;
    periodic::keep(&clock, idle, "sessions", async |idle_since| {
        let now = idle_since.plus(idle);
        while db.for_all_tenants().write(move |conn| adopt_some(conn, now)).await? > 0 {}
        let old_since = now.minus(settings.absolute_lifetime);
        while db.for_all_tenants().write(move |conn| delete_some(conn, idle_since, old_since)).await? > 0 {}
        Ok(())
    })
    .await;
}

/// Gives sessions to tokens that lack one: those of before the upgrade, and those of a node of the version before. Their
/// lifetimes count from now. Returns the number of tokens found.
fn adopt_some(conn: &mut Conn, now: Timestamp) -> Result<usize, ApiError> {
    let found: Vec<(Vec<u8>, String)> = refresh_tokens::table
        .filter(refresh_tokens::session_id.is_null())
        // Accounts are locked in one order, so that two nodes don't deadlock.
        .order((refresh_tokens::account_id, refresh_tokens::hash))
        .limit(BATCH)
        .select((refresh_tokens::hash, refresh_tokens::account_id))
        .load(conn)?;
    for (hash, account) in &found {
        // A request may have adopted or deleted it meanwhile.
        if Account::lock_by_id(conn, account)?.is_some()
            && let Some(row) = RefreshTokenRow::by_hash(conn, hash)?
        {
            row.session(conn, now)?;
        }
    }
    Ok(found.len())
}

/// Deletes sessions that were last used, or began, at these moments or before. Returns their number.
fn delete_some(conn: &mut Conn, idle_since: Timestamp, old_since: Timestamp) -> Result<usize, ApiError> {
    let ended = sessions::last_used_at.le(idle_since).or(sessions::lifetime_starts_at.le(old_since));
    let ids: Vec<SessionId> = sessions::table.filter(ended).limit(BATCH).select(sessions::id).load(conn)?;
    // Checked again: a refresh on another node, with another clock, may have used one meanwhile.
    diesel::delete(sessions::table.filter(sessions::id.eq_any(&ids)).filter(ended)).execute(conn)?;
    Ok(ids.len())
}

impl Session {
    /// Stores the session of a token that has none. Its lifetimes count from now.
    pub(in crate::domain::identity::provider) fn adopt(
        conn: &mut Conn,
        row: &RefreshTokenRow,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let session = Self {
            id: SessionId::new(),
            account_id: row.account_id.clone(),
            authenticated_at: row.authenticated_at,
            lifetime_starts_at: now,
            last_used_at: now,
            family_hash: None,
            user_agent: None,
            address: None,
            created_at: row.created_at,
        };
        diesel::insert_into(sessions::table).values(session.clone()).execute(conn)?;
        diesel::update(refresh_tokens::table.find(&row.hash))
            .set(refresh_tokens::session_id.eq(session.id))
            .execute(conn)?;
        Ok(session)
    }
}
