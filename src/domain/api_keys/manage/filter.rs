//! [`KeyFilter`]: selects keys of a workspace for bulk revocation.

use crate::base::error::ApiError;
use crate::base::ids::{KeyId, UserId, WorkspaceId};
use crate::base::sql::schema::api_keys;
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::KeyFormat;
use crate::domain::api_keys::Reason;
use crate::domain::api_keys::model::KeyWithCreator;
use crate::domain::api_keys::unused::is_unused_since;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// The maximum number of keys revoked in one transaction: each is an audit event, and the organization's trail is
/// locked meanwhile.
pub const MAX_BATCH: usize = 500;
/// The maximum number of characters of a prefix filter. A key's own prefix is shorter.
const MAX_PREFIX_LENGTH: usize = 64;

diesel::define_sql_function! {
    /// Returns the characters from a position, counted from 1. LIKE would treat `_` as a wildcard, and on SQLite
    /// ignores case.
    fn substr(text: Text, from: Integer, length: Integer) -> Text;
}

/// The start of a key as far as a preview shows it: `sk_live_` or `sk_live_4f9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl FromStr for KeyPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !(1..=MAX_PREFIX_LENGTH).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("must be 1 to {MAX_PREFIX_LENGTH} visible ASCII characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for KeyPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for KeyPrefix {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_PREFIX_LENGTH))
            .description(Some("What keys start with, as far as `preview` shows it: before its dots."))
            .examples(["sk_live_4f9"])
            .into()
    }
}
impl utoipa::ToSchema for KeyPrefix {}

/// Selects keys that are neither revoked nor expired and match all given conditions.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    pub created_by: Option<UserId>,
    /// Unused since then; a key that was never used must be older.
    pub unused_since: Option<Timestamp>,
    pub prefix: Option<KeyPrefix>,
}

/// The keys that a filter selected.
#[derive(Debug)]
pub struct Selected {
    /// Oldest first, in their current state.
    pub keys: Vec<KeyWithCreator>,
    /// Whether the filter matches more than [`MAX_BATCH`] keys.
    pub has_more: bool,
}

impl KeyFilter {
    /// Rejects a filter without conditions and values that can't match.
    ///
    /// # Errors
    /// `validation_failed`
    pub fn check(&self, format: &KeyFormat, now: Timestamp) -> Result<(), ApiError> {
        if self.created_by.is_none() && self.unused_since.is_none() && self.prefix.is_none() {
            return Err(ApiError::invalid("body", "must name at least one of createdBy, unusedSince and prefix"));
        }
        if self.unused_since.is_some_and(|since| since > now) {
            return Err(ApiError::invalid("unusedSince", "must not be in the future"));
        }
        // A prefix that is longer than the preview would match no key, although the caller who pastes a whole key
        // expects it.
        let shown = format.shown_start();
        if let Some(KeyPrefix(start)) = &self.prefix
            && format.has_own_prefix(start)
            && start.len() > shown
        {
            let message = format!("must be at most {shown} characters: no more is kept of how a key starts");
            return Err(ApiError::invalid("prefix", message));
        }
        Ok(())
    }

    /// Revokes the workspace's matching keys, at most [`MAX_BATCH`]. Without a `reason`, which may be empty, it only
    /// returns them.
    ///
    /// # Errors
    /// Database errors.
    pub fn revoke(
        &self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        workspace: WorkspaceId,
        reason: Option<&Reason>,
        now: Timestamp,
    ) -> Result<Selected, ApiError> {
        let mut query = api_keys::table
            .filter(api_keys::workspace_id.eq(workspace).and(api_keys::revoked_at.is_null()))
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
            .select(ApiKey::as_select())
            .order(api_keys::id)
            .limit(MAX_BATCH as i64 + 1)
            .into_boxed();
        if let Some(creator) = self.created_by {
            query = query.filter(api_keys::creator_id.eq(creator));
        }
        if let Some(since) = self.unused_since {
            query = query.filter(is_unused_since(since));
        }
        if let Some(KeyPrefix(start)) = &self.prefix {
            let length = start.len() as i32;
            query = query.filter(substr(api_keys::preview, 1, length).eq(start.clone()));
        }
        // Rows are locked in the order of their ids, so that two bulk revocations can't deadlock.
        let mut keys: Vec<ApiKey> = match reason {
            None => query.load(conn)?,
            Some(_) => ForUpdate(query).load(conn)?,
        };
        let has_more = keys.len() > MAX_BATCH;
        keys.truncate(MAX_BATCH);
        if let Some(reason) = reason {
            ApiKey::revoke_locked(conn, access_change, &keys, reason, now)?;
        }
        let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        Ok(Selected { keys: ApiKey::with_creators(conn, &access_change.catalog(), &ids)?, has_more })
    }
}
