//! Orphans the keys of a member who is removed.

use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{CreatorRole, PermissionCatalog, PermissionNames};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, organization_members, users, workspace_members};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::model::{
    CreatorRoleColumns, KeyWithCreator, creator_role_columns, creator_roles_of, with_creator,
};
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// The most keys of one statement.
const BATCH: usize = 500;

/// A removed member.
#[derive(Clone, Copy, Debug)]
pub struct RemovedMember {
    pub organization_id: OrganizationId,
    /// `None` means all workspaces of the organization.
    pub workspace_id: Option<WorkspaceId>,
    pub user_id: UserId,
}

impl ApiKey {
    /// Orphans a removed member's keys that are not revoked. Call it before the membership is deleted, in the same
    /// transaction, which records the change of access.
    ///
    /// # Errors
    /// Database errors.
    pub fn orphan(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        removed: RemovedMember,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let keys = keys_of(conn, &access_change.catalog(), removed)?;
        orphan_keys(conn, access_change, keys, now).map(|_| ())
    }
}

/// Returns a member's keys that are not revoked, newest first, with the member's roles.
pub(super) fn keys_of(
    conn: &mut Conn,
    catalog: &PermissionCatalog,
    member: RemovedMember,
) -> Result<Vec<KeyWithCreator>, ApiError> {
    let mut query = with_creator!(api_keys::table)
        .filter(api_keys::organization_id.eq(member.organization_id))
        .filter(api_keys::creator_id.eq(member.user_id).and(api_keys::revoked_at.is_null()))
        .select((ApiKey::as_select(), creator_role_columns!()))
        .order(api_keys::id.desc())
        .into_boxed();
    if let Some(workspace) = member.workspace_id {
        query = query.filter(api_keys::workspace_id.eq(workspace));
    }
    let rows: Vec<(ApiKey, CreatorRoleColumns)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(key, creator)| (key, creator_roles_of(catalog, creator))).collect())
}

/// Stops keys until they are transferred, and notes what they had.
pub(super) fn orphan_keys(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    keys: Vec<KeyWithCreator>,
    now: Timestamp,
) -> Result<Vec<KeyId>, ApiError> {
    let catalog = access_change.catalog();
    let orphaned = |(key, creator): &KeyWithCreator| ApiKey {
        orphaned_at: Some(now),
        last_permissions: key.had(*creator, &catalog),
        ..key.clone()
    };
    let orphaned: Vec<ApiKey> = keys.iter().map(orphaned).collect();
    save_owner(conn, &orphaned.iter().collect::<Vec<_>>())?;
    for ((before, _), after) in keys.iter().zip(&orphaned) {
        access_change.revoking(before.entry(Action::ApiKeyOrphaned).changed(before.facts(), after.facts()));
    }
    Ok(orphaned.into_iter().map(|key| key.id).collect())
}

/// Writes whose the keys are, and what they inherit at most.
pub(super) fn save_owner(conn: &mut Conn, keys: &[&ApiKey]) -> Result<(), ApiError> {
    type Alike<'k> =
        (UserId, Option<Timestamp>, Option<CreatorRole>, Option<&'k PermissionNames>, Option<&'k PermissionNames>);
    let mut alike: BTreeMap<Alike<'_>, Vec<KeyId>> = BTreeMap::new();
    for key in keys {
        let (permissions, last) = (key.permissions.as_ref(), key.last_permissions.as_ref());
        alike.entry((key.creator_id, key.orphaned_at, key.role_limit, permissions, last)).or_default().push(key.id);
    }
    for ((creator, orphaned_at, role_limit, permissions, last), ids) in alike {
        for batch in ids.chunks(BATCH) {
            diesel::update(api_keys::table.filter(api_keys::id.eq_any(batch)))
                .set((
                    api_keys::creator_id.eq(creator),
                    api_keys::orphaned_at.eq(orphaned_at),
                    api_keys::role_limit.eq(role_limit),
                    api_keys::permissions.eq(permissions),
                    api_keys::last_permissions.eq(last),
                ))
                .execute(conn)?;
        }
    }
    Ok(())
}
