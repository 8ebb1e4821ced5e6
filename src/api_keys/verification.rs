//! Is this key good? Asked once for every request of a program.
//!
//! Cost: format and checksum on the request's thread, then one SELECT by the SHA-256 on a blocking thread, with joins by
//! primary or unique key. A typo costs no statement. The cache will stand between the two.

use super::format::{KeyFormat, PlaintextKey};
use super::last_used::LastUsed;
use super::model::{ApiKey, StandingColumns, standing_columns, standing_of, with_creator};
use super::standing::{KeyStatus, Standing};
use crate::access::KeyCaller;
use crate::config::Config;
use crate::db::schema::{api_key_secrets, api_keys, organization_members, subscriptions, users, workspace_members};
use crate::db::{Conn, Timestamp};
use crate::error::{ApiError, Code};
use crate::ids::KeyId;
use crate::state::State;
use crate::subscriptions::Subscription;
use diesel::prelude::*;
use std::net::IpAddr;

/// The room's share of the state: the format of keys, and the uses not yet written.
#[derive(Debug)]
pub struct ApiKeys {
    /// How keys look.
    pub format: KeyFormat,
    /// Uses not yet written.
    pub last_used: LastUsed<KeyId>,
}

/// All that a request needs to know of a key, in one row.
struct Found {
    key: ApiKey,
    standing: Standing,
    subscription: Subscription,
    value_ends_at: Option<Timestamp>,
}

impl ApiKeys {
    /// For the keys that the configuration describes.
    pub fn new(config: &Config) -> Self {
        Self { format: KeyFormat::new(&config.keys), last_used: LastUsed::of_table("api_keys") }
    }

    /// Who is behind a key, and what it may do at this moment.
    ///
    /// # Errors
    /// `invalid_api_key`, `api_key_revoked`, `api_key_expired`, `api_key_disabled`, `api_key_orphaned`,
    /// `ip_not_allowed`; `unavailable` when the database can't be asked.
    pub async fn verify(&self, state: &State, key: &PlaintextKey, from: Option<IpAddr>) -> Result<KeyCaller, ApiError> {
        if !self.format.recognizes(key) {
            return Err(Code::InvalidApiKey.into());
        }
        let hash = key.hash();
        let found = state.db.read(move |conn| find(conn, &hash)).await?.ok_or(Code::InvalidApiKey)?;
        let now = state.clock.now();
        let caller = admit(found, from, now)?;
        self.last_used.note(caller.key_id, now);
        Ok(caller)
    }
}

fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<Found>, ApiError> {
    type Row = (ApiKey, StandingColumns, Subscription, Option<Timestamp>);
    let from = api_key_secrets::table
        .inner_join(api_keys::table)
        .inner_join(subscriptions::table.on(subscriptions::organization_id.eq(api_keys::organization_id)));
    let row: Option<Row> = with_creator!(from)
        .filter(api_key_secrets::hash.eq(hash))
        .select((ApiKey::as_select(), standing_columns!(), Subscription::as_select(), api_key_secrets::valid_until))
        .first(conn)
        .optional()?;
    Ok(row.map(|(key, standing, subscription, value_ends_at)| Found {
        key,
        standing: standing_of(standing),
        subscription,
        value_ends_at,
    }))
}

/// Expiry, overlap and period ends are compared with the clock here, whatever the row was read for.
fn admit(found: Found, from: Option<IpAddr>, now: Timestamp) -> Result<KeyCaller, ApiError> {
    let Found { key, standing, subscription, value_ends_at } = found;
    if value_ends_at.is_some_and(|end| end <= now) {
        return Err(Code::InvalidApiKey.into());
    }
    let refusal = match key.status(standing, now) {
        KeyStatus::Active => None,
        KeyStatus::Revoked => Some(Code::ApiKeyRevoked),
        KeyStatus::Expired => Some(Code::ApiKeyExpired),
        KeyStatus::Disabled => Some(Code::ApiKeyDisabled),
        KeyStatus::Orphaned => Some(Code::ApiKeyOrphaned),
    };
    let (None, Some(role), Some(organization_role)) =
        (refusal, key.inherited_role(standing), standing.organization_role)
    else {
        return Err(refusal.unwrap_or(Code::ApiKeyOrphaned).into());
    };
    if !key.allowed_ips.admit(from) {
        return Err(Code::IpNotAllowed.into());
    }
    Ok(KeyCaller {
        key_id: key.id,
        name: key.name,
        workspace_id: key.workspace_id,
        organization_id: key.organization_id,
        creator_id: key.creator_id,
        organization_role,
        role,
        scope: key.scope,
        subscription: subscription.status_at(now),
        plan: subscription.plan,
    })
}
