//! Rows of `api_keys`, and the queries that find them. Every one takes a guard.

use super::creator_roles::CreatorRoles;
use super::format::allowed_ips::AllowedIps;
use super::unused::is_unused_since;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::Scope;
use crate::base::policy::{OrganizationRole, Permission, WorkspaceRole};
use crate::base::sql::schema::{api_keys, organization_members, users, workspace_members};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::audit::{Action, Entry, Target};
use diesel::prelude::*;
use serde_json::{Value, json};

/// An API key's record. The value itself is not in it, and its hash in a table of its own.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    /// Its id, which survives rolls.
    pub id: KeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Where it works.
    pub workspace_id: WorkspaceId,
    /// Whose role it inherits.
    pub creator_id: UserId,
    /// The name its creator gave it.
    pub name: Option<String>,
    /// What may be shown of its value.
    pub preview: String,
    /// What it keeps of the role.
    pub scope: Scope,
    /// From where it may be used.
    pub allowed_ips: AllowedIps,
    /// When it stops by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Since when its creator is gone.
    pub orphaned_at: Option<Timestamp>,
    /// Until when a value from before a roll works.
    pub overlap_ends_at: Option<Timestamp>,
    /// The last use that was written; memory may know a later one.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key with its creator's roles.
pub type KeyWithCreator = (ApiKey, CreatorRoles);

/// As the joins of `standings!` select a creator's roles.
pub(super) type CreatorRoleColumns = (Option<OrganizationRole>, Option<WorkspaceRole>, Option<Timestamp>);

/// The roles of a row's creator.
pub(super) fn creator_roles_of((organization_role, workspace_role, disabled_at): CreatorRoleColumns) -> CreatorRoles {
    CreatorRoles { organization_role, workspace_role, is_disabled: disabled_at.is_some() }
}

/// `api_keys` with the creator's user, membership and role in the workspace: three joins by primary or unique key.
macro_rules! with_creator {
    ($from:expr) => {
        $from
            .inner_join(users::table.on(users::id.eq(api_keys::creator_id)))
            .left_join(
                organization_members::table.on(organization_members::organization_id
                    .eq(api_keys::organization_id)
                    .and(organization_members::user_id.eq(api_keys::creator_id))),
            )
            .left_join(
                workspace_members::table.on(workspace_members::workspace_id
                    .eq(api_keys::workspace_id)
                    .and(workspace_members::user_id.eq(api_keys::creator_id))),
            )
    };
}
pub(super) use with_creator;

/// The columns of [`CreatorRoleColumns`].
macro_rules! creator_role_columns {
    () => {
        (organization_members::role.nullable(), workspace_members::role.nullable(), users::disabled_at)
    };
}
pub(super) use creator_role_columns;

impl ApiKey {
    /// A page of the keys that the caller sees, newest first: all of the workspace's for who manages keys, else its own.
    /// With `unused_since`, only those that nobody used since then, as far as that is written.
    ///
    /// # Errors
    /// Those of the database.
    pub fn page_of<P>(
        conn: &mut Conn,
        access: &WorkspaceAccess<P>,
        page: Position<KeyId>,
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<KeyWithCreator>, ApiError> {
        let mut query = with_creator!(api_keys::table)
            .filter(api_keys::workspace_id.eq(access.workspace_id()))
            .select((Self::as_select(), creator_role_columns!()))
            .order(api_keys::id.desc())
            .limit(page.limit())
            .into_boxed();
        if !access.may(Permission::KeysManage) {
            query = query.filter(api_keys::creator_id.eq(access.user_id()));
        }
        if let Some(since) = unused_since {
            query = query.filter(is_unused_since(since));
        }
        if let Some(after) = page.after {
            query = query.filter(api_keys::id.lt(after));
        }
        let rows: Vec<(Self, CreatorRoleColumns)> = query.load(conn)?;
        Ok(rows.into_iter().map(|(key, creator)| (key, creator_roles_of(creator))).collect())
    }

    /// One key that the caller sees.
    ///
    /// # Errors
    /// `not_found` when it is not there, is another's, or is in another workspace: all alike.
    pub fn visible<P>(conn: &mut Conn, access: &WorkspaceAccess<P>, id: KeyId) -> Result<KeyWithCreator, ApiError> {
        let mut query = with_creator!(api_keys::table)
            .filter(api_keys::id.eq(id).and(api_keys::workspace_id.eq(access.workspace_id())))
            .select((Self::as_select(), creator_role_columns!()))
            .into_boxed();
        if !access.may(Permission::KeysManage) {
            query = query.filter(api_keys::creator_id.eq(access.user_id()));
        }
        let (key, creator): (Self, CreatorRoleColumns) = query.first(conn)?;
        Ok((key, creator_roles_of(creator)))
    }

    /// The same, to be changed: held until the transaction ends, so that two changes of one key happen one after another.
    ///
    /// # Errors
    /// As [`ApiKey::visible`].
    pub fn lock_to_change<P>(
        conn: &mut Conn,
        access: &WorkspaceAccess<P>,
        id: KeyId,
    ) -> Result<KeyWithCreator, ApiError> {
        let held = api_keys::table
            .filter(api_keys::id.eq(id).and(api_keys::workspace_id.eq(access.workspace_id())))
            .select(api_keys::id);
        ForUpdate(held).get_result::<KeyId>(conn)?;
        Self::visible(conn, access, id)
    }

    /// What the audit trail calls a change of the key.
    pub(super) fn entry(&self, action: Action) -> Entry {
        let target = Target::api_key(self.id, self.name.as_deref(), &self.preview);
        Entry::new(action, self.organization_id, target).within(self.workspace_id)
    }

    /// What the audit trail tells of the key.
    pub(super) fn facts(&self) -> Value {
        json!({
            "name": self.name,
            "preview": self.preview,
            "scope": self.scope,
            "createdBy": self.creator_id,
            "expiresAt": self.expires_at,
            "allowedIps": self.allowed_ips,
            "disabled": self.disabled_at.is_some(),
            "revoked": self.revoked_at.is_some(),
            "orphaned": self.orphaned_at.is_some(),
        })
    }

    /// How many keys of a workspace count against the plan's limit: those that are not revoked, disabled or expired.
    /// An orphaned key counts, since it works again once it is transferred. Exact only under `Workspace::lock`.
    pub(super) fn count_active(conn: &mut Conn, workspace: WorkspaceId, now: Timestamp) -> Result<i64, ApiError> {
        Ok(api_keys::table
            .filter(api_keys::workspace_id.eq(workspace))
            .filter(api_keys::revoked_at.is_null().and(api_keys::disabled_at.is_null()))
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
            .count()
            .get_result(conn)?)
    }
}
