//! Revokes leaked keys.

use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_key_secrets, users, workspaces};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The maximum number of texts looked up, and of keys revoked, in one transaction.
pub(crate) const BATCH: usize = 500;

/// Where a key was found, for the audit event and the mail.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeakLocation {
    pub(crate) url: Option<String>,
    /// The kind of place.
    pub(crate) source: Option<String>,
}

/// A key that this call revoked, with the data for the mail to its creator.
#[derive(Debug)]
pub(crate) struct Leak {
    pub(crate) key: ApiKey,
    pub(crate) workspace: String,
    /// The creator's address, if it is verified.
    pub(crate) email: Option<String>,
    pub(crate) place: LeakLocation,
}

/// The result of a batch.
#[derive(Debug)]
pub(crate) struct LeakOutcome {
    /// The hashes of current and former key values, also those that a roll has ended.
    pub(crate) known: HashSet<[u8; 32]>,
    pub(crate) revoked: Vec<Leak>,
}

/// Revokes the keys of these hashes. A key that is revoked already stays revoked. A key whose found value has ended at
/// a roll stays active, since the found value no longer works.
pub(crate) fn revoke(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    texts: &HashMap<[u8; 32], LeakLocation>,
    now: Timestamp,
) -> Result<LeakOutcome, ApiError> {
    let hashes: Vec<&[u8]> = texts.keys().map(|hash| &hash[..]).collect();
    let found: Vec<(Vec<u8>, Option<Timestamp>, KeyId)> = api_key_secrets::table
        .filter(api_key_secrets::hash.eq_any(hashes))
        .select((api_key_secrets::hash, api_key_secrets::valid_until, api_key_secrets::api_key_id))
        .load(conn)?;
    let mut known = HashSet::new();
    // Every path locks keys in the order of their ids, so that none deadlock.
    let mut places: BTreeMap<KeyId, LeakLocation> = BTreeMap::new();
    for (hash, ends, key) in found {
        let Ok(hash) = <[u8; 32]>::try_from(hash) else { continue };
        known.insert(hash);
        if ends.is_none_or(|end| end > now) {
            places.entry(key).or_insert_with(|| texts.get(&hash).cloned().unwrap_or_default());
        }
    }
    let mut revoked = Vec::new();
    for (id, place) in places {
        // `None`: the key was deleted or revoked meanwhile.
        let Some(key) =
            ApiKey::revoke_leaked(conn, access_change, id, place.url.as_deref(), place.source.as_deref(), now)?
        else {
            continue;
        };
        let workspace = workspaces::table.find(key.workspace_id).select(workspaces::name).first(conn)?;
        let (email, is_verified): (Option<String>, bool) =
            users::table.find(key.creator_id).select((users::email, users::email_verified)).first(conn)?;
        revoked.push(Leak { key, workspace, email: email.filter(|_| is_verified), place });
    }
    Ok(LeakOutcome { known, revoked })
}
