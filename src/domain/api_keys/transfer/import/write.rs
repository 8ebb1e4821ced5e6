//! Inserts the checked keys.

use super::ImportedKey;
use crate::base::error::ApiError;
use crate::base::ids::WorkspaceId;
use crate::base::sql::schema::{api_key_secrets, api_keys, imported_keys};
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::Workspace;
use diesel::prelude::*;
use std::collections::{BTreeSet, HashSet};

/// Inserts keys, each with its audit event, and returns their number. Skips keys that were added since the check. Does
/// not apply the plan's limit on active keys, since the operator imports.
pub(super) fn add(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    keys: &[ImportedKey],
    now: Timestamp,
) -> Result<u64, ApiError> {
    let workspaces: BTreeSet<WorkspaceId> = keys.iter().map(|new| new.key.workspace_id).collect();
    for workspace in workspaces {
        // Every path that adds or counts active keys takes this lock.
        Workspace::lock(conn, workspace)?;
    }
    let hashes: Vec<Vec<u8>> = keys.iter().map(|new| new.hash.to_vec()).collect();
    let there: Vec<Vec<u8>> =
        api_key_secrets::table.filter(api_key_secrets::hash.eq_any(hashes)).select(api_key_secrets::hash).load(conn)?;
    let there: HashSet<Vec<u8>> = there.into_iter().collect();
    let new: Vec<&ImportedKey> = keys.iter().filter(|new| !there.contains(&new.hash[..])).collect();
    let rows: Vec<ApiKey> = new.iter().map(|new| new.key.clone()).collect();
    let values: Vec<_> = new
        .iter()
        .map(|new| (api_key_secrets::hash.eq(&new.hash[..]), api_key_secrets::api_key_id.eq(new.key.id)))
        .collect();
    let marks: Vec<_> =
        new.iter().map(|new| (imported_keys::hash.eq(&new.hash[..]), imported_keys::imported_at.eq(now))).collect();
    each!(conn, |native| {
        diesel::insert_into(api_keys::table).values(&rows).execute(native)?;
        diesel::insert_into(api_key_secrets::table).values(&values).execute(native)?;
        diesel::insert_into(imported_keys::table).values(&marks).execute(native)?;
    });
    for row in &rows {
        access_change.audit_only(row.entry(Action::ApiKeyImported).after(row.facts()));
    }
    Ok(rows.len() as u64)
}
