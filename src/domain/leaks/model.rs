//! What becomes of keys that leaked.

use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_key_secrets, users, workspaces};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many texts are looked up, and keys revoked, in one transaction.
pub(crate) const BATCH: usize = 500;

/// Where a text was found: what its event and its mail say.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeakLocation {
    /// The page, if it is known.
    pub(crate) url: Option<String>,
    /// What kind of place.
    pub(crate) source: Option<String>,
}

/// A key that was revoked now, and who should know.
#[derive(Debug)]
pub(crate) struct Leak {
    pub(crate) key: ApiKey,
    pub(crate) workspace: String,
    /// The creator's address, if it is one that the creator reads.
    pub(crate) email: Option<String>,
    pub(crate) place: LeakLocation,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct LeakOutcome {
    /// The hashes that are a key's value, or were until a roll's overlap ended.
    pub(crate) known: HashSet<[u8; 32]>,
    pub(crate) revoked: Vec<Leak>,
}

/// Revokes the keys of these hashes. One that is revoked already stays so, and one whose value has ended at a roll is let
/// alone: what leaked opens nothing.
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
    // In the order of their ids, as everybody locks them.
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
        // Deleted meanwhile: there is nothing left to stop.
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
