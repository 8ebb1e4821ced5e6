//! Transfers or orphans keys when their creator changes or leaves.

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::base::sql::schema::api_keys;
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::api_keys::ApiKey;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::Workspace;
use diesel::prelude::*;
use serde::Serialize;

/// The keys of a member who was removed.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedKeys {
    /// Those that stopped, until an admin transfers them.
    pub orphaned_keys: Vec<KeyId>,
    /// Those that another member took over.
    pub transferred_keys: Vec<KeyId>,
}

/// A removed member and the user who takes over the member's keys.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    pub organization_id: OrganizationId,
    /// `None` means all workspaces of the organization.
    pub workspace_id: Option<WorkspaceId>,
    pub user_id: UserId,
    pub new_creator: Option<UserId>,
}

impl ApiKey {
    /// Transfers the key to another member, whose role it then inherits.
    ///
    /// # Errors
    /// `not_found`, `conflict`, `validation_failed` when that user may not have keys here.
    pub fn transfer(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &WorkspaceAccess<can::KeysManage>,
        config: &Config,
        id: KeyId,
        new_creator: UserId,
    ) -> Result<(), ApiError> {
        let (key, _) = Self::lock_to_change(conn, access, id)?;
        if key.revoked_at.is_some() {
            return Err(ApiError::with_message(Code::Conflict, "The key is revoked. Create a new one."));
        }
        ensure_may_own_keys(conn, config, access.workspace_id(), new_creator, "userId")?;
        hand_over(conn, access_change, vec![key], new_creator)
    }

    /// Transfers a removed member's keys that are not revoked to the new creator, or orphans them without one.
    /// Call it before the membership is deleted, in the same transaction, which records the change of access.
    ///
    /// # Errors
    /// `validation_failed` when the new creator may not have keys in one of the workspaces.
    pub fn orphan_or_transfer(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        config: &Config,
        removed: Removed,
        now: Timestamp,
    ) -> Result<RemovedKeys, ApiError> {
        let mut query = api_keys::table
            .filter(api_keys::organization_id.eq(removed.organization_id))
            .filter(api_keys::creator_id.eq(removed.user_id).and(api_keys::revoked_at.is_null()))
            .select(Self::as_select())
            .order(api_keys::id.desc())
            .into_boxed();
        if let Some(workspace) = removed.workspace_id {
            query = query.filter(api_keys::workspace_id.eq(workspace));
        }
        let keys: Vec<Self> = query.load(conn)?;
        let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        let Some(new_creator) = removed.new_creator else {
            diesel::update(api_keys::table.filter(api_keys::id.eq_any(&ids)))
                .set(api_keys::orphaned_at.eq(now))
                .execute(conn)?;
            for key in keys {
                let after = Self { orphaned_at: Some(now), ..key.clone() };
                access_change.revoking(key.entry(Action::ApiKeyOrphaned).changed(key.facts(), after.facts()));
            }
            return Ok(RemovedKeys { orphaned_keys: ids, ..RemovedKeys::default() });
        };
        if new_creator == removed.user_id {
            return Err(ApiError::invalid("transferKeysTo", "must be another member"));
        }
        let mut workspaces: Vec<WorkspaceId> = keys.iter().map(|key| key.workspace_id).collect();
        workspaces.sort_unstable();
        workspaces.dedup();
        for workspace in workspaces {
            ensure_may_own_keys(conn, config, workspace, new_creator, "transferKeysTo")?;
        }
        hand_over(conn, access_change, keys, new_creator)?;
        Ok(RemovedKeys { transferred_keys: ids, ..RemovedKeys::default() })
    }
}

/// Checks that the new creator may create keys in the workspace.
fn ensure_may_own_keys(
    conn: &mut Conn,
    config: &Config,
    workspace: WorkspaceId,
    new_creator: UserId,
    field: &'static str,
) -> Result<(), ApiError> {
    let found = Workspace::with_role_of(conn, workspace, new_creator)?;
    let may = found.is_some_and(|(_, organization, role)| config.keys.min_creator_role.admits(organization, role));
    if may {
        return Ok(());
    }
    Err(ApiError::invalid(field, format!("must be a member who may create API keys in the workspace {workspace}")))
}

fn hand_over(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    keys: Vec<ApiKey>,
    new_creator: UserId,
) -> Result<(), ApiError> {
    let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
    diesel::update(api_keys::table.filter(api_keys::id.eq_any(ids)))
        .set((api_keys::creator_id.eq(new_creator), api_keys::orphaned_at.eq(None::<Timestamp>)))
        .execute(conn)?;
    for key in keys {
        let after = ApiKey { creator_id: new_creator, orphaned_at: None, ..key.clone() };
        access_change.revoking(key.entry(Action::ApiKeyTransferred).changed(key.facts(), after.facts()));
    }
    Ok(())
}
