//! `?unusedForDays=`: lists the keys without a use for a number of days.

use super::manage::lifecycle::KeyAccess;
use super::model::{ApiKey, KeyWithCreator};
use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::paging::Position;
use crate::base::sql::Conn;
use crate::base::sql::schema::api_keys;
use crate::base::text::number;
use crate::base::time::Timestamp;
use crate::infra::http::PageQuery;
use diesel::prelude::*;
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::time::Duration;

const MAX_DAYS: u16 = 3_650;

/// Which keys to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeyListQuery {
    /// Only keys that were not used for at least so many days; of those that never were, the ones made before that.
    #[serde(default, deserialize_with = "days")]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 3650, example = 90)]
    unused_for_days: Option<u16>,
    /// How many keys at most: 1 to 100, 20 if left out.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, example = 20)]
    page_size: Option<String>,
    /// Where to go on: the `nextCursor` of the page before.
    cursor: Option<String>,
}

impl KeyListQuery {
    /// Returns the moment since which the keys must be unused, if asked for, and the page.
    pub(crate) fn into_parts(self, now: Timestamp) -> (Option<Timestamp>, PageQuery) {
        let span = |days| Duration::from_secs(u64::from(days) * 86_400);
        let since = self.unused_for_days.map(|days: u16| now.minus(span(days)));
        (since, PageQuery::new(self.page_size, self.cursor))
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let days = number(&text).filter(|days| (1..=MAX_DAYS).contains(days));
    let wrong = || serde::de::Error::custom(format!("unusedForDays must be an integer from 1 to {MAX_DAYS}"));
    days.map(Some).ok_or_else(wrong)
}

/// True for a key without a flushed use since `since`; a key that was never used must be older than `since`.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn is_unused_since(since: Timestamp) -> _ {
    let never_used = api_keys::last_used_at.is_null().and(api_keys::created_at.lt(since));
    api_keys::last_used_at.lt(since).or(never_used)
}

impl ApiKey {
    /// Returns a page of the keys of [`ApiKey::page_of`] that are unused since a moment. `used` are the keys whose use
    /// since then may not be flushed; read `used` before the database.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn page_of_unused(
        conn: &mut Conn,
        access: &KeyAccess,
        page: Position<KeyId>,
        since: Timestamp,
        used: &HashSet<KeyId>,
    ) -> Result<Vec<KeyWithCreator>, ApiError> {
        let (mut found, mut next) = (Vec::new(), page);
        loop {
            let rows = Self::page_of(conn, access, next, Some(since))?;
            let is_last = (rows.len() as i64) < next.limit();
            next.after = rows.last().map(|(key, _)| key.id);
            found.extend(rows.into_iter().filter(|(key, _)| !used.contains(&key.id)));
            if is_last || found.len() as i64 >= page.limit() {
                return Ok(found);
            }
        }
    }
}
