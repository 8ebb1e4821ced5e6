//! Transfers or orphans keys when their creator changes or leaves.
//!
//! The former creator knows the plaintext. So a transfer that keeps the value writes what the key had
//! ([`ApiKey::had`]) into its own list; orphaning notes the same, for a transfer later. A transfer that rolls ends the known
//! values instead.

use super::giving::{ensure_may_create, ensure_may_give};
use super::heirs::{Heir, TransferMode, ensure_heir};
use super::lifecycle::{KeyRules, replace_secrets};
use super::orphaning::{RemovedMember, keys_of, orphan_keys, save_owner};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{KeyId, UserId, WorkspaceId};
use crate::base::policy::{PermissionCatalog, PermissionSet, can};
use crate::base::sql::Conn;
use crate::base::sql::schema::api_keys;
use crate::base::time::Timestamp;
use crate::domain::access::{KeyLimits, WorkspaceAccess};
use crate::domain::api_keys::model::KeyWithCreator;
use crate::domain::api_keys::{ApiKey, CreatorRoles, PlaintextKey};
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::Workspace;
use diesel::prelude::*;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The most keys that one removal rolls: each of their values is in the answer.
const MAX_ROLLED: usize = 100;

/// The keys of a member who was removed.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedKeys {
    /// Those that stopped, until an admin transfers them. With `transferKeysTo`, those that had no role to keep.
    pub orphaned_keys: Vec<KeyId>,
    /// Those that another member took over.
    pub transferred_keys: Vec<KeyId>,
    /// The new values of those that were rolled, by `mode=roll`. They are shown this once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rolled_keys: Vec<RolledKey>,
}

/// The new value of a key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RolledKey {
    pub id: KeyId,
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, example = "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX")]
    pub plaintext: PlaintextKey,
}

fn exposed<S: Serializer>(plaintext: &PlaintextKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(plaintext.expose())
}

impl ApiKey {
    /// Transfers the key to another member, whose role it then inherits. Returns the new value, if the heir's mode rolls
    /// the key.
    ///
    /// # Errors
    /// `not_found`; `conflict` for a revoked key, and for a key that would keep its value and had no role;
    /// `insufficient_permission` when the caller may not give as much; `validation_failed` when that user may not have
    /// keys here.
    pub fn transfer(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &WorkspaceAccess<can::KeysManage>,
        rules: KeyRules<'_>,
        id: KeyId,
        heir: Heir,
    ) -> Result<Option<PlaintextKey>, ApiError> {
        let key = Self::lock_to_change(conn, access, id)?;
        if key.0.revoked_at.is_some() {
            return Err(ApiError::with_message(Code::Conflict, "The key is revoked. Create a new one."));
        }
        let least = rules.config.keys.min_creator_role;
        ensure_may_create(access, least)?;
        let place = (key.0.organization_id, key.0.workspace_id);
        let roles = ensure_heir(conn, access.catalog(), least, place, heir.user, "userId")?;
        let after = taken_over(access.catalog(), &key, heir, &access.reach().limits).ok_or_else(|| {
            ApiError::with_message(
                Code::Conflict,
                "The key has no role that it could keep. Transfer it with the mode \"roll\".",
            )
        })?;
        ensure_may_give(access, least, &after.reach(roles, access.catalog()))?;
        let mut rolled = hand_over(conn, access_change, rules, heir, vec![(key.0, after)])?;
        Ok(rolled.pop().map(|rolled| rolled.plaintext))
    }

    /// Transfers a removed member's keys that are not revoked to the heir, or orphans them without one. Keys that would
    /// keep their values and had no role are orphaned, too. Call it before the membership is deleted, in the same
    /// transaction, which records the change of access.
    ///
    /// # Errors
    /// `validation_failed` when the heir may not have keys in one of the workspaces, or for more than 100 keys to roll;
    /// `insufficient_permission` when the new value of a rolled key would have more than the caller, who gets it.
    pub fn orphan_or_transfer(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        rules: KeyRules<'_>,
        (caller, removed): (Option<UserId>, RemovedMember),
        heir: Option<Heir>,
        now: Timestamp,
    ) -> Result<RemovedKeys, ApiError> {
        let catalog = access_change.catalog();
        let keys = keys_of(conn, &catalog, removed)?;
        let Some(heir) = heir else {
            let orphaned_keys = orphan_keys(conn, access_change, keys, now)?;
            return Ok(RemovedKeys { orphaned_keys, ..RemovedKeys::default() });
        };
        if heir.user == removed.user_id {
            return Err(ApiError::invalid("transferKeysTo", "must be another member"));
        }
        if heir.mode == TransferMode::Roll && keys.len() > MAX_ROLLED {
            let message = format!("rolls at most {MAX_ROLLED} keys in one call; transfer some of them first");
            return Err(ApiError::invalid("mode", message));
        }
        let mut workspaces: Vec<WorkspaceId> = keys.iter().map(|(key, _)| key.workspace_id).collect();
        workspaces.sort_unstable();
        workspaces.dedup();
        let mut heirs = BTreeMap::new();
        for workspace in workspaces {
            let place = (removed.organization_id, workspace);
            let least = rules.config.keys.min_creator_role;
            let roles = ensure_heir(conn, &catalog, least, place, heir.user, "transferKeysTo")?;
            heirs.insert(workspace, roles);
        }
        let (mut kept, mut without_role) = (Vec::new(), Vec::new());
        for key in keys {
            match taken_over(&catalog, &key, heir, &KeyLimits::default()) {
                Some(after) => kept.push((key.0, after)),
                None => without_role.push(key),
            }
        }
        if heir.mode == TransferMode::Roll {
            caller.map_or(Ok(()), |caller| ensure_may_see(conn, &catalog, caller, &kept, &heirs))?;
        }
        let transferred_keys = kept.iter().map(|(key, _)| key.id).collect();
        let rolled_keys = hand_over(conn, access_change, rules, heir, kept)?;
        let orphaned_keys = orphan_keys(conn, access_change, without_role, now)?;
        Ok(RemovedKeys { orphaned_keys, transferred_keys, rolled_keys })
    }
}

/// Checks that the caller, who gets the new values of keys, has in each workspace what the keys have by their heir.
fn ensure_may_see(
    conn: &mut Conn,
    catalog: &PermissionCatalog,
    caller: UserId,
    keys: &[(ApiKey, ApiKey)],
    heirs: &BTreeMap<WorkspaceId, CreatorRoles>,
) -> Result<(), ApiError> {
    for (workspace, heir) in heirs {
        let own = Workspace::with_role_of(conn, catalog, *workspace, caller)?;
        let own = own.map_or(PermissionSet::EMPTY, |(.., role)| role.permissions);
        let of_workspace = keys.iter().map(|(_, after)| after).filter(|key| key.workspace_id == *workspace);
        for key in of_workspace {
            let has = key.reach(*heir, catalog).permissions.unwrap_or_default();
            if !has.is_subset(own) {
                return Err(ApiError::with_message(
                    Code::InsufficientPermission,
                    "The new value of a key would have more permissions than you have in its workspace. Transfer the keys \
                     with the mode \"keep\".",
                ));
            }
        }
    }
    Ok(())
}

/// Returns the key as its heir gets it; `None` when it would keep its value and had no role. `own` are the limits of the
/// API key that transfers it, which a rolled key gets, too.
fn taken_over(
    catalog: &PermissionCatalog,
    (key, creator): &KeyWithCreator,
    heir: Heir,
    own: &KeyLimits,
) -> Option<ApiKey> {
    let (role_limit, permissions) = match heir.mode {
        TransferMode::Keep => (key.role_limit, Some(key.had(*creator, catalog)?)),
        TransferMode::Roll => (own.role, key.permissions.clone().or_else(|| own.permissions.clone())),
    };
    Some(ApiKey {
        creator_id: heir.user,
        orphaned_at: None,
        role_limit,
        permissions,
        last_permissions: None,
        ..key.clone()
    })
}

/// Gives keys to the heir: pairs of the key before and after. Returns the new values, if the heir's mode rolls them.
fn hand_over(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    rules: KeyRules<'_>,
    heir: Heir,
    mut keys: Vec<(ApiKey, ApiKey)>,
) -> Result<Vec<RolledKey>, ApiError> {
    let after: Vec<&ApiKey> = keys.iter().map(|(_, after)| after).collect();
    save_owner(conn, &after)?;
    let mut rolled = Vec::new();
    if heir.mode == TransferMode::Roll {
        for (_, after) in &mut keys {
            let plaintext = replace_secrets(conn, rules.format, after.id)?;
            after.preview = rules.format.preview(plaintext.presented());
            diesel::update(api_keys::table.find(after.id))
                .set((api_keys::preview.eq(&after.preview), api_keys::overlap_ends_at.eq(None::<Timestamp>)))
                .execute(conn)?;
            rolled.push(RolledKey { id: after.id, plaintext });
        }
    }
    for (before, after) in keys {
        access_change.revoking(before.entry(Action::ApiKeyTransferred).changed(before.facts(), after.facts()));
    }
    Ok(rolled)
}
