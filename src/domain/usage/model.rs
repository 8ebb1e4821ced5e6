//! Rows of `api_key_usage`. Writing and pruning take no guard, since the server does them itself; reading takes one.

use super::counts::CountedKey;
use super::period::Period;
use super::tally::{Hour, Tally};
use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::policy::Permission;
use crate::base::sql::schema::api_keys;
use crate::base::sql::{Conn, each, rows_of_parameters};
use crate::domain::access::WorkspaceAccess;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use std::collections::{BTreeMap, HashSet};

const COLUMNS: usize = 7;
/// The maximum number of rows deleted in one transaction, so that writers don't wait long.
const PRUNED_AT_ONCE: i32 = 1_000;

/// The requests of a key in an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsageRow {
    pub(super) key: CountedKey,
    pub(super) hour: Hour,
    pub(super) tally: Tally,
}

/// Adds to existing counts, in one statement, since other nodes add to the same rows.
pub(super) fn add(conn: &mut Conn, rows: &[UsageRow]) -> Result<(), ApiError> {
    let values = rows_of_parameters(conn, rows.len(), COLUMNS);
    let text = format!(
        "INSERT INTO api_key_usage (api_key_id, hour, organization_id, workspace_id, admitted, limited, refused) \
         VALUES {values} ON CONFLICT (api_key_id, hour) DO UPDATE SET \
         admitted = api_key_usage.admitted + excluded.admitted, \
         limited = api_key_usage.limited + excluded.limited, \
         refused = api_key_usage.refused + excluded.refused"
    );
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    each!(conn, |native| {
        let mut query = diesel::sql_query(text).into_boxed();
        for UsageRow { key, hour, tally } in rows {
            query = query
                .bind::<Text, _>(key.id)
                .bind::<Integer, _>(hour.number())
                .bind::<Text, _>(key.organization_id)
                .bind::<Text, _>(key.workspace_id)
                .bind::<BigInt, _>(count(tally.admitted))
                .bind::<BigInt, _>(count(tally.limited))
                .bind::<BigInt, _>(count(tally.refused));
        }
        query.execute(native)
    })?;
    Ok(())
}

/// The keys whose usage is read.
#[derive(Debug)]
pub(crate) enum Whose {
    /// All keys of the workspace, deleted keys too.
    Workspace,
    /// These keys of the workspace.
    Keys(HashSet<KeyId>),
}

impl Whose {
    /// Returns the keys whose usage the caller sees: all for a caller who manages keys, else the caller's own keys.
    pub(crate) fn visible<P>(conn: &mut Conn, access: &WorkspaceAccess<P>) -> Result<Self, ApiError> {
        if access.may(Permission::KeysManage) {
            return Ok(Self::Workspace);
        }
        let own =
            api_keys::workspace_id.eq(access.workspace_id()).and(api_keys::creator_id.nullable().eq(access.user_id()));
        let keys: Vec<KeyId> = api_keys::table.filter(own).select(api_keys::id).load(conn)?;
        Ok(Self::Keys(keys.into_iter().collect()))
    }

    /// True when the usage of a key is included.
    pub(crate) fn has(&self, key: KeyId) -> bool {
        match self {
            Self::Workspace => true,
            Self::Keys(keys) => keys.contains(&key),
        }
    }
}

#[derive(QueryableByName)]
struct Sum {
    #[diesel(sql_type = Integer)]
    hour: i32,
    #[diesel(sql_type = BigInt)]
    admitted: i64,
    #[diesel(sql_type = BigInt)]
    limited: i64,
    #[diesel(sql_type = BigInt)]
    refused: i64,
}

/// Returns the written counts by hour, of a workspace or of keys in it.
pub(crate) fn by_hour<P>(
    conn: &mut Conn,
    access: &WorkspaceAccess<P>,
    whose: &Whose,
    period: &Period,
) -> Result<BTreeMap<Hour, Tally>, ApiError> {
    let which = match whose {
        Whose::Workspace => String::new(),
        Whose::Keys(keys) if keys.is_empty() => return Ok(BTreeMap::new()),
        // The ids are safe to embed: by their type they contain only letters, digits and `_`. Bound parameters would
        // limit their number.
        Whose::Keys(keys) => {
            let ids: Vec<String> = keys.iter().map(|id| format!("'{id}'")).collect();
            format!("AND api_key_id IN ({})", ids.join(", "))
        }
    };
    let text = format!(
        "SELECT hour, CAST(SUM(admitted) AS BIGINT) AS admitted, CAST(SUM(limited) AS BIGINT) AS limited, \
         CAST(SUM(refused) AS BIGINT) AS refused FROM api_key_usage \
         WHERE workspace_id = $1 AND hour >= $2 AND hour < $3 {which} GROUP BY hour"
    );
    let (workspace, from, to) = (access.workspace_id(), period.first().number(), period.end().number());
    let sums: Vec<Sum> = each!(conn, |native| {
        let query = diesel::sql_query(text).bind::<Text, _>(workspace);
        query.bind::<Integer, _>(from).bind::<Integer, _>(to).load(native)
    })?;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let tally = |sum: &Sum| Tally {
        admitted: number(sum.admitted),
        limited: number(sum.limited),
        refused: number(sum.refused),
    };
    Ok(sums.iter().map(|sum| (Hour(u32::try_from(sum.hour).unwrap_or(0)), tally(sum))).collect())
}

/// Deletes up to [`PRUNED_AT_ONCE`] rows from before the hour, and returns their number.
pub(super) fn prune(conn: &mut Conn, before: Hour) -> Result<usize, ApiError> {
    let text = "DELETE FROM api_key_usage WHERE (api_key_id, hour) IN \
                (SELECT api_key_id, hour FROM api_key_usage WHERE hour < $1 ORDER BY hour, api_key_id LIMIT $2)";
    let deleted = each!(conn, |native| {
        let query = diesel::sql_query(text).bind::<Integer, _>(before.number());
        query.bind::<Integer, _>(PRUNED_AT_ONCE).execute(native)
    })?;
    Ok(deleted)
}
