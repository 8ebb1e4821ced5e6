//! Rows of `api_keys`, and the queries that find them. Each query takes a guard.

use super::creator_roles::CreatorRoles;
use super::format::allowed_ips::AllowedIps;
use super::reason::{Reason, ReasonKind};
use super::unused::is_unused_since;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::{CreatorRole, OrganizationRole, Permission, PermissionCatalog, PermissionNames, Scope};
use crate::base::sql::schema::{api_keys, organization_members, users, workspace_members};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::tenancy::{GivenRoleColumns, PersonStatus, given_role};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An API key's row. It holds no key text; the hash is in `api_key_secrets`. Its JSON is for an import's file of keys to
/// add; clients get a view.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    /// Stays the same when the key is rolled.
    pub id: KeyId,
    pub organization_id: OrganizationId,
    pub workspace_id: WorkspaceId,
    /// The key inherits this user's role.
    pub creator_id: UserId,
    pub name: Option<String>,
    /// The start and end of the key's text, which may be shown.
    pub preview: String,
    /// Limits the inherited role.
    pub scope: Scope,
    pub allowed_ips: AllowedIps,
    pub expires_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// When the creator lost access.
    pub orphaned_at: Option<Timestamp>,
    /// When the values from before a roll stop working.
    pub overlap_ends_at: Option<Timestamp>,
    /// The last use that was flushed; memory may have a later one.
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The most that the key inherits from its creator. Only transfers of earlier versions, which kept the value, set it.
    pub role_limit: Option<CreatorRole>,
    /// The most that the key has, by name. `None` for all that its creator has. A transfer that keeps the value sets it.
    pub permissions: Option<PermissionNames>,
    /// What an orphaned key had last, for a transfer that keeps its value.
    pub last_permissions: Option<PermissionNames>,
    /// Why it was disabled or revoked.
    #[serde(default)]
    pub reason: Option<ReasonKind>,
    /// The comment on the reason.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A key with its creator's roles.
pub type KeyWithCreator = (ApiKey, CreatorRoles);

/// A creator's roles as selected by `creator_role_columns!`, with the creator's `disabled_at`.
pub(super) type CreatorRoleColumns = (Option<OrganizationRole>, GivenRoleColumns, Option<Timestamp>);

/// Converts the selected columns.
pub(super) fn creator_roles_of(
    catalog: &PermissionCatalog,
    (organization_role, given, disabled_at): CreatorRoleColumns,
) -> CreatorRoles {
    let status = PersonStatus::of(disabled_at);
    let role = organization_role.and_then(|role| catalog.effective_role(role, given_role(catalog, given)));
    CreatorRoles { organization_role, role, status }
}

/// Joins `api_keys` with the creator's user, membership and workspace role: four joins by primary or unique key.
macro_rules! with_creator {
    ($from:expr) => {
        crate::domain::tenancy::with_custom_role!(
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
        )
    };
}
pub(super) use with_creator;

/// Selects the columns of [`CreatorRoleColumns`].
macro_rules! creator_role_columns {
    () => {
        (organization_members::role.nullable(), crate::domain::tenancy::given_role_columns!(), users::disabled_at)
    };
}
pub(super) use creator_role_columns;

impl ApiKey {
    /// Returns an active key without name, preview and limits. Set those by `ApiKey { name, ..ApiKey::new(…) }`.
    pub fn new(
        id: KeyId,
        (organization_id, workspace_id): (OrganizationId, WorkspaceId),
        creator_id: UserId,
        scope: Scope,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            organization_id,
            workspace_id,
            creator_id,
            name: None,
            preview: String::new(),
            scope,
            allowed_ips: AllowedIps::default(),
            expires_at: None,
            disabled_at: None,
            revoked_at: None,
            orphaned_at: None,
            overlap_ends_at: None,
            last_used_at: None,
            created_at: now,
            role_limit: None,
            permissions: None,
            last_permissions: None,
            reason: None,
            comment: None,
        }
    }

    /// Returns a page of the keys that the caller sees, newest first: all keys of the workspace for a caller who
    /// manages keys, else the caller's own keys. With `unused_since`, only the keys without a flushed use since then.
    ///
    /// # Errors
    /// Database errors.
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
            query = query.filter(api_keys::creator_id.nullable().eq(access.user_id()));
        }
        if let Some(since) = unused_since {
            query = query.filter(is_unused_since(since));
        }
        if let Some(after) = page.after {
            query = query.filter(api_keys::id.lt(after));
        }
        let rows: Vec<(Self, CreatorRoleColumns)> = query.load(conn)?;
        Ok(rows.into_iter().map(|(key, creator)| (key, creator_roles_of(access.catalog(), creator))).collect())
    }

    /// Returns one key that the caller sees.
    ///
    /// # Errors
    /// `not_found` when the key does not exist, is another user's, or is in another workspace.
    pub fn visible<P>(conn: &mut Conn, access: &WorkspaceAccess<P>, id: KeyId) -> Result<KeyWithCreator, ApiError> {
        let mut query = with_creator!(api_keys::table)
            .filter(api_keys::id.eq(id).and(api_keys::workspace_id.eq(access.workspace_id())))
            .select((Self::as_select(), creator_role_columns!()))
            .into_boxed();
        if !access.may(Permission::KeysManage) {
            query = query.filter(api_keys::creator_id.nullable().eq(access.user_id()));
        }
        let (key, creator): (Self, CreatorRoleColumns) = query.first(conn)?;
        Ok((key, creator_roles_of(access.catalog(), creator)))
    }

    /// Like [`ApiKey::visible`], and locks the row until the transaction ends, so that changes of one key are
    /// serialized.
    ///
    /// # Errors
    /// Those of [`ApiKey::visible`].
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

    /// Returns an audit entry about the key.
    pub(super) fn entry(&self, action: Action) -> Entry {
        let target = Target::api_key(self.id, self.name.as_deref(), &self.preview);
        Entry::new(action, self.organization_id, target).within(self.workspace_id)
    }

    /// Returns the key with a reason, where one is given.
    #[must_use]
    pub(super) fn because(self, reason: &Reason) -> Self {
        let (kind, comment) = reason.over(self.reason, self.comment.clone());
        Self { reason: kind, comment, ..self }
    }

    /// Returns the key's fields for the audit trail.
    pub(super) fn facts(&self) -> Value {
        let mut facts = json!({
            "name": self.name,
            "preview": self.preview,
            "scope": self.scope,
            "roleLimit": self.role_limit,
            "permissions": self.permissions,
            "lastPermissions": self.last_permissions,
            "createdBy": self.creator_id,
            "expiresAt": self.expires_at,
            "allowedIps": self.allowed_ips,
            "disabled": self.disabled_at.is_some(),
            "revoked": self.revoked_at.is_some(),
            "orphaned": self.orphaned_at.is_some(),
        });
        if let Some(reason) = self.reason {
            facts["reason"] = json!(reason);
        }
        if let Some(comment) = &self.comment {
            facts["comment"] = json!(comment);
        }
        facts
    }

    /// Counts a workspace's keys towards the plan's limit: those that are not revoked, disabled or expired.
    /// An orphaned key counts, since it works again after a transfer. Exact only under `Workspace::lock`.
    pub(super) fn count_active(conn: &mut Conn, workspace: WorkspaceId, now: Timestamp) -> Result<i64, ApiError> {
        Ok(api_keys::table
            .filter(api_keys::workspace_id.eq(workspace))
            .filter(api_keys::revoked_at.is_null().and(api_keys::disabled_at.is_null()))
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
            .count()
            .get_result(conn)?)
    }
}
