//! Revocation without a guard: by the holder of a key, in bulk, and after a leak. Each caller has authorized the
//! request in another way.

use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::policy::PermissionCatalog;
use crate::base::sql::schema::{api_keys, organization_members, users, workspace_members};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::model::{
    CreatorRoleColumns, KeyWithCreator, creator_role_columns, creator_roles_of, with_creator,
};
use crate::domain::api_keys::{Reason, ReasonKind};
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;

impl ApiKey {
    /// Revokes a key on behalf of its holder. Repeating it changes nothing, not even the reason, but also waits until no
    /// node accepts the key: the first call may still be waiting.
    ///
    /// # Errors
    /// `not_found` when the key was deleted meanwhile.
    pub fn revoke_held(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: KeyId,
        reason: &Reason,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let key: Self = ForUpdate(api_keys::table.find(id).select(Self::as_select())).get_result(conn)?;
        Self::revoke_locked(conn, access_change, &[key], reason, now)
    }

    /// Revokes a leaked key and records where it was found. `None` when it was deleted or revoked before.
    ///
    /// # Errors
    /// Database errors.
    pub fn revoke_leaked(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: KeyId,
        url: Option<&str>,
        source: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Self>, ApiError> {
        let row = ForUpdate(api_keys::table.find(id).select(Self::as_select()));
        let Some(before) = row.get_result::<Self>(conn).optional()? else { return Ok(None) };
        if before.revoked_at.is_some() {
            Self::revoke_locked(conn, access_change, &[before], &Reason::default(), now)?;
            return Ok(None);
        }
        let after = Self { revoked_at: Some(now), ..before.clone() }.because(&Reason::of(ReasonKind::Leaked));
        diesel::update(api_keys::table.find(id))
            .set((
                api_keys::revoked_at.eq(now),
                api_keys::reason.eq(after.reason),
                api_keys::comment.eq(&after.comment),
            ))
            .execute(conn)?;
        let mut facts = after.facts();
        for (name, value) in [("foundAt", url), ("foundIn", source)] {
            if let Some(value) = value {
                facts[name] = value.into();
            }
        }
        access_change.revoking(before.entry(Action::ApiKeyRevoked).changed(before.facts(), facts));
        Ok(Some(after))
    }

    /// Revokes keys that the transaction has locked. Writes an audit event for each key that was not revoked before.
    pub(super) fn revoke_locked(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        keys: &[Self],
        reason: &Reason,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let ids: Vec<KeyId> = keys.iter().filter(|key| key.revoked_at.is_none()).map(|key| key.id).collect();
        let (kind, comment) = reason.over(None, None);
        let rows = api_keys::table.filter(api_keys::id.eq_any(ids));
        if kind.is_some() || comment.is_some() {
            let columns = (api_keys::revoked_at.eq(now), api_keys::reason.eq(kind), api_keys::comment.eq(comment));
            diesel::update(rows).set(columns).execute(conn)?;
        } else {
            diesel::update(rows).set(api_keys::revoked_at.eq(now)).execute(conn)?;
        }
        for key in keys {
            let after = match key.revoked_at {
                Some(_) => key.clone(),
                None => Self { revoked_at: Some(now), ..key.clone() }.because(reason),
            };
            access_change.revoking(key.entry(Action::ApiKeyRevoked).changed(key.facts(), after.facts()));
        }
        Ok(())
    }

    /// Returns keys with their creators' roles, oldest first.
    pub(super) fn with_creators(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        ids: &[KeyId],
    ) -> Result<Vec<KeyWithCreator>, ApiError> {
        let rows: Vec<(Self, CreatorRoleColumns)> = with_creator!(api_keys::table)
            .filter(api_keys::id.eq_any(ids))
            .select((Self::as_select(), creator_role_columns!()))
            .order(api_keys::id)
            .load(conn)?;
        Ok(rows.into_iter().map(|(key, creator)| (key, creator_roles_of(catalog, creator))).collect())
    }
}
