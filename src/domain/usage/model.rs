//! Rows of `api_key_usage`. Adding and pruning know no guard, since they are the server's own; whoever reads has one.

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
/// The most rows that one transaction takes away, so that nobody who writes one waits long.
const PRUNED_AT_ONCE: i32 = 1_000;

/// What a key counted in an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsageRow {
    pub(super) key: CountedKey,
    pub(super) hour: Hour,
    pub(super) tally: Tally,
}

/// Adds to what is there, in one statement: other nodes add to the same rows.
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

/// Whose usage.
#[derive(Debug)]
pub(crate) enum Whose {
    /// All of a workspace's keys, deleted ones too.
    Workspace,
    /// These keys of a workspace.
    Keys(HashSet<KeyId>),
}

impl Whose {
    /// What the caller sees of a workspace: all of it for who manages keys, else what its own keys are used for.
    pub(crate) fn visible<P>(conn: &mut Conn, access: &WorkspaceAccess<P>) -> Result<Self, ApiError> {
        if access.may(Permission::KeysManage) {
            return Ok(Self::Workspace);
        }
        let own = api_keys::workspace_id.eq(access.workspace_id()).and(api_keys::creator_id.eq(access.user_id()));
        let keys: Vec<KeyId> = api_keys::table.filter(own).select(api_keys::id).load(conn)?;
        Ok(Self::Keys(keys.into_iter().collect()))
    }

    /// Whether a key's usage belongs to it.
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

/// What is written of a workspace, or of keys in it, hour by hour.
pub(crate) fn by_hour<P>(
    conn: &mut Conn,
    access: &WorkspaceAccess<P>,
    whose: &Whose,
    period: &Period,
) -> Result<BTreeMap<Hour, Tally>, ApiError> {
    let which = match whose {
        Whose::Workspace => String::new(),
        Whose::Keys(keys) if keys.is_empty() => return Ok(BTreeMap::new()),
        // An id is made of letters, digits and `_`, by its type. As text, so that their number is not limited.
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

/// Takes some rows from before that hour away; says how many.
pub(super) fn prune(conn: &mut Conn, before: Hour) -> Result<usize, ApiError> {
    let text = "DELETE FROM api_key_usage WHERE (api_key_id, hour) IN \
                (SELECT api_key_id, hour FROM api_key_usage WHERE hour < $1 ORDER BY hour, api_key_id LIMIT $2)";
    let deleted = each!(conn, |native| {
        let query = diesel::sql_query(text).bind::<Integer, _>(before.number());
        query.bind::<Integer, _>(PRUNED_AT_ONCE).execute(native)
    })?;
    Ok(deleted)
}
