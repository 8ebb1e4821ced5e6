//! Changes of keys. Each function takes the guard that allows it, and runs in a transaction that informs all nodes and
//! writes the audit trail ([`AccessChange`]). Creating a key informs no node, since none has it in its cache.

use super::giving::{SetFields, ensure_may_give, ensure_may_set};
use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::base::policy::{PermissionNames, can};
use crate::base::sql::schema::{api_key_secrets, api_keys};
use crate::base::sql::{Columns, Conn};
use crate::base::time::Timestamp;
use crate::domain::access::{Reach, WorkspaceAccess, checked_list};
use crate::domain::api_keys::AllowedIps;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::KeyStatus;
use crate::domain::api_keys::Reason;
use crate::domain::api_keys::model::KeyWithCreator;
use crate::domain::api_keys::{KeyFormat, PlaintextKey};
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::subscriptions::Subscription;
use crate::domain::tenancy::Workspace;
use diesel::prelude::*;
use serde_json::json;
use std::time::Duration;

/// What configuration says of keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyRules<'a> {
    pub config: &'a Config,
    pub format: &'a KeyFormat,
}

/// The guard of the key endpoints: a user's own keys, or all keys for a user who manages keys.
pub type KeyAccess = WorkspaceAccess<can::KeysOwn>;

/// Gives a new key its text and stores it, if the plan allows one more. Only this call returns the text.
///
/// # Errors
/// `max_active_keys_reached`, or a database error.
pub fn issue(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    config: &Config,
    format: &KeyFormat,
    new: ApiKey,
    now: Timestamp,
) -> Result<PlaintextKey, ApiError> {
    ensure_room(conn, config, new.organization_id, new.workspace_id, now)?;
    let plaintext = format.generate();
    let row = ApiKey { preview: format.preview(plaintext.presented()), ..new };
    diesel::insert_into(api_keys::table).values(&row).execute(conn)?;
    add_secret(conn, row.id, &plaintext)?;
    access_change.audit_only(row.entry(Action::ApiKeyCreated).after(row.facts()));
    Ok(plaintext)
}

/// [`issue`] for a request, within what the caller may give.
///
/// # Errors
/// Those of [`issue`] and of [`ensure_may_set`].
pub fn create(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    rules: KeyRules<'_>,
    access: &KeyAccess,
    (new, set): (ApiKey, SetFields),
    now: Timestamp,
) -> Result<PlaintextKey, ApiError> {
    let may = access.role().permissions;
    let permissions = match (&new.permissions, set.permissions) {
        (Some(names), true) => Some(checked_list(access.catalog(), names, may, "the key's owner")?),
        (inherited, _) => inherited.clone(),
    };
    let new = ApiKey { permissions, ..new };
    let reach = Reach { permissions: Some(new.limits().most(access.catalog(), may)), ..new.own_reach() };
    ensure_may_set(access, rules.config.keys.min_creator_role, &reach, set)?;
    issue(conn, access_change, rules.config, rules.format, new, now)
}

/// Locks the workspace and checks the plan's limit, so that parallel calls can't exceed it.
fn ensure_room(
    conn: &mut Conn,
    config: &Config,
    organization: OrganizationId,
    workspace: WorkspaceId,
    now: Timestamp,
) -> Result<(), ApiError> {
    Workspace::lock(conn, workspace)?;
    let limit = config.plan(&Subscription::of(conn, organization)?.at(now).plan).max_active_keys;
    if ApiKey::count_active(conn, workspace, now)? >= i64::from(limit) {
        return Err(ApiError::with_message(
            Code::MaxActiveKeysReached,
            format!(
                "The workspace has {limit} active API keys, the most its plan allows. Revoke or delete unused keys, then try again."
            ),
        ));
    }
    Ok(())
}

/// Gives the key another value beside those that it has.
fn add_secret(conn: &mut Conn, id: KeyId, plaintext: &PlaintextKey) -> Result<(), ApiError> {
    diesel::insert_into(api_key_secrets::table)
        .values((api_key_secrets::hash.eq(&plaintext.hash()[..]), api_key_secrets::api_key_id.eq(id)))
        .execute(conn)?;
    Ok(())
}

/// Ends all values of the key at once, and returns a new one.
pub(super) fn replace_secrets(conn: &mut Conn, format: &KeyFormat, id: KeyId) -> Result<PlaintextKey, ApiError> {
    diesel::delete(api_key_secrets::table.filter(api_key_secrets::api_key_id.eq(id))).execute(conn)?;
    let plaintext = format.generate();
    add_secret(conn, id, &plaintext)?;
    Ok(plaintext)
}

/// Rejects a change of a revoked or expired key.
fn ensure_alive(key: &KeyWithCreator, now: Timestamp) -> Result<(), ApiError> {
    let ended = match key.0.status(key.1, now) {
        KeyStatus::Revoked => "revoked",
        KeyStatus::Expired => "expired",
        _ => return Ok(()),
    };
    Err(ApiError::with_message(Code::Conflict, format!("The key is {ended}. Create a new one.")))
}

/// The changes of a PATCH; `None` leaves a field unchanged.
#[derive(Debug, Default)]
pub struct KeyChange {
    /// `Some(None)` removes the name.
    pub name: Option<Option<String>>,
    /// `Some(None)` removes the expiry.
    pub expires_at: Option<Option<Timestamp>>,
    pub allowed_ips: Option<AllowedIps>,
    /// `Some(None)` removes the list.
    pub permissions: Option<Option<PermissionNames>>,
}

impl ApiKey {
    /// Changes name, expiry, addresses and permissions. A key that has ended can only be renamed. A later end, more
    /// addresses and more permissions are given within what the caller may give.
    ///
    /// # Errors
    /// `not_found`, `conflict`, and those of [`ensure_may_set`].
    pub fn change(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        config: &Config,
        id: KeyId,
        change: KeyChange,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let key = Self::lock_to_change(conn, access, id)?;
        let KeyChange { name, expires_at, allowed_ips, permissions } = change;
        if expires_at.is_some() || allowed_ips.is_some() || permissions.is_some() {
            ensure_alive(&key, now)?;
        }
        let set = SetFields {
            scope: false,
            permissions: permissions.is_some(),
            expires_at: expires_at.is_some(),
            allowed_ips: allowed_ips.is_some(),
        };
        let (before, creator) = key;
        let may = before.may_list(creator, access.catalog());
        let permissions = match permissions {
            Some(Some(names)) => Some(checked_list(access.catalog(), &names, may, "the key's owner")?),
            Some(None) => None,
            None => before.permissions.clone(),
        };
        let changed = Self {
            expires_at: expires_at.unwrap_or(before.expires_at),
            allowed_ips: allowed_ips.unwrap_or_else(|| before.allowed_ips.clone()),
            permissions,
            ..before.clone()
        };
        let reach = changed.reach(creator, access.catalog());
        if !reach.excess(&before.reach(creator, access.catalog())).is_empty() {
            ensure_may_set(access, config.keys.min_creator_role, &reach, set)?;
        }
        let after: Self = diesel::update(api_keys::table.find(id))
            .set((
                api_keys::name.eq(name.unwrap_or_else(|| before.name.clone())),
                api_keys::expires_at.eq(changed.expires_at),
                api_keys::allowed_ips.eq(&changed.allowed_ips),
                api_keys::permissions.eq(&changed.permissions),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        access_change.revoking(after.entry(Action::ApiKeyChanged).changed(before.facts(), after.facts()));
        Ok(())
    }

    /// Gives the key a new value. The value before stops now, or at the end of the overlap, and never later than the key.
    /// All earlier ones stop now, so that at most two work at once.
    ///
    /// # Errors
    /// `not_found`, `conflict`, and those of [`ensure_may_give`].
    pub fn roll(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        rules: KeyRules<'_>,
        id: KeyId,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<PlaintextKey, ApiError> {
        let (key, creator) = Self::lock_alive(conn, access, id, now)?;
        ensure_may_give(access, rules.config.keys.min_creator_role, &key.reach(creator, access.catalog()))?;
        let end = now.plus(overlap).min(key.expires_at.unwrap_or_else(|| now.plus(overlap)));
        let old = api_key_secrets::table.filter(api_key_secrets::api_key_id.eq(id));
        let overlap_ends_at = if overlap.is_zero() {
            diesel::delete(old).execute(conn)?;
            None
        } else {
            diesel::delete(old.filter(api_key_secrets::valid_until.is_not_null())).execute(conn)?;
            diesel::update(old).set(api_key_secrets::valid_until.eq(end)).execute(conn)?;
            Some(end)
        };
        let plaintext = rules.format.generate();
        add_secret(conn, id, &plaintext)?;
        let rolled: Self = diesel::update(api_keys::table.find(id))
            .set((
                api_keys::preview.eq(rules.format.preview(plaintext.presented())),
                api_keys::overlap_ends_at.eq(overlap_ends_at),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        let before = json!({ "preview": key.preview });
        let after = json!({ "preview": rolled.preview, "overlapEndsAt": overlap_ends_at });
        access_change.revoking(rolled.entry(Action::ApiKeyRolled).before(before).after(after));
        Ok(plaintext)
    }

    /// Disables the key. Repeating it changes at most the reason.
    ///
    /// # Errors
    /// `not_found`, `conflict`
    pub fn disable(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        id: KeyId,
        reason: &Reason,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (before, _) = Self::lock_alive(conn, access, id, now)?;
        let after = Self { disabled_at: before.disabled_at.or(Some(now)), ..before.clone() }.because(reason);
        before.save_lifecycle(conn, access_change, Action::ApiKeyDisabled, &after)
    }

    /// Enables a disabled key, if the plan allows one more active key. Repeating it changes nothing.
    ///
    /// # Errors
    /// `not_found`, `conflict`, `max_active_keys_reached`, and those of [`ensure_may_give`].
    pub fn enable(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        config: &Config,
        id: KeyId,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (before, creator) = Self::lock_alive(conn, access, id, now)?;
        if before.disabled_at.is_some() {
            ensure_may_give(access, config.keys.min_creator_role, &before.reach(creator, access.catalog()))?;
            ensure_room(conn, config, before.organization_id, before.workspace_id, now)?;
        }
        let after = Self { disabled_at: None, reason: None, comment: None, ..before.clone() };
        before.save_lifecycle(conn, access_change, Action::ApiKeyEnabled, &after)
    }

    /// Revokes the key permanently. Repeating it changes at most the reason.
    ///
    /// # Errors
    /// `not_found`
    pub fn revoke(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        id: KeyId,
        reason: &Reason,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (before, _) = Self::lock_to_change(conn, access, id)?;
        let after = Self { revoked_at: before.revoked_at.or(Some(now)), ..before.clone() }.because(reason);
        before.save_lifecycle(conn, access_change, Action::ApiKeyRevoked, &after)
    }

    /// Deletes the key's row. Its reason is only in the audit trail.
    ///
    /// # Errors
    /// `not_found`
    pub fn delete(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &KeyAccess,
        id: KeyId,
        reason: &Reason,
    ) -> Result<(), ApiError> {
        let (key, _) = Self::lock_to_change(conn, access, id)?;
        diesel::delete(api_keys::table.find(id)).execute(conn)?;
        let entry = key.entry(Action::ApiKeyDeleted).before(key.facts());
        access_change.revoking(match reason.facts() {
            Some(facts) => entry.after(facts),
            None => entry,
        });
        Ok(())
    }

    /// Locks the key for a change, unless it is revoked or expired.
    fn lock_alive(conn: &mut Conn, access: &KeyAccess, id: KeyId, now: Timestamp) -> Result<KeyWithCreator, ApiError> {
        let key = Self::lock_to_change(conn, access, id)?;
        ensure_alive(&key, now)?;
        Ok(key)
    }

    /// Writes the fields that decide the key's status, and the reason, as `after` has them, and an audit event.
    fn save_lifecycle(
        &self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        action: Action,
        after: &Self,
    ) -> Result<(), ApiError> {
        diesel::update(api_keys::table.find(after.id))
            .set((
                api_keys::disabled_at.eq(after.disabled_at),
                api_keys::revoked_at.eq(after.revoked_at),
                api_keys::reason.eq(after.reason),
                api_keys::comment.eq(&after.comment),
            ))
            .execute(conn)?;
        access_change.revoking(after.entry(action).changed(self.facts(), after.facts()));
        Ok(())
    }
}
