//! Rows of `workspace_members`, and the list of all members of a workspace.

use super::organization::OrganizationMember;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{MembershipId, OrganizationId, RoleId, UserId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, RoleName, WorkspaceRole, can};
use crate::base::sql::schema::{organization_members, users, workspace_members as members};
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::api_keys::{ApiKey, Heir, KeyRules, RemovedKeys, RemovedMember, ensure_may_create};
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::{
    GivenRoleColumns, Organization, PersonStatus, Role, given_role, given_role_columns, with_custom_role,
};
use diesel::prelude::*;
use serde_json::json;
use std::fmt;
use std::str::FromStr;

diesel::define_sql_function! {
    /// The first value that is not null.
    #[sql_name = "coalesce"]
    fn first_known(
        value: diesel::sql_types::Nullable<crate::base::sql::sql_types::Timestamptz>,
        other: crate::base::sql::sql_types::Timestamptz,
    ) -> crate::base::sql::sql_types::Timestamptz;
}

/// The place of a member in the list: when it joined, then the membership of the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberPlace {
    joined_at: Timestamp,
    id: MembershipId,
}

/// `MILLISECONDS.ID`, for cursors.
impl fmt::Display for MemberPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.joined_at.millis(), self.id)
    }
}

impl FromStr for MemberPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |(joined_at, id): (&str, &str)| {
            Some(Self { joined_at: Timestamp::from_millis(joined_at.parse().ok()?)?, id: id.parse().ok()? })
        };
        text.split_once('.').and_then(read).ok_or_else(|| "must be the place of a member".into())
    }
}

/// A user with a role in a workspace: given there, or as an admin of the organization.
#[derive(Clone, Debug)]
pub struct WorkspaceMember {
    /// The membership of the organization.
    pub id: MembershipId,
    pub user_id: UserId,
    /// The effective role.
    pub role: RoleName,
    /// When the user joined the workspace, or the organization if the role comes from there.
    pub joined_at: Timestamp,
    pub email: Option<String>,
    pub name: Option<String>,
    pub status: PersonStatus,
}

impl WorkspaceMember {
    /// Returns the member's place in the list.
    pub fn place(&self) -> MemberPlace {
        MemberPlace { joined_at: self.joined_at, id: self.id }
    }

    /// Returns a page of all users with a role in the workspace, in the order of joining, the newest first. One
    /// statement; it sorts the members of the workspace.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        organization: OrganizationId,
        workspace: WorkspaceId,
        page: Position<MemberPlace>,
    ) -> Result<Vec<Self>, ApiError> {
        type WorkspaceMemberRow = (OrganizationMember, GivenRoleColumns, Option<Timestamp>);
        let from = organization_members::table.inner_join(users::table).left_join(
            members::table
                .on(members::workspace_id.eq(workspace).and(members::user_id.eq(organization_members::user_id))),
        );
        let mut query = with_custom_role!(from)
            .filter(organization_members::organization_id.eq(organization))
            .filter(
                members::user_id
                    .is_not_null()
                    // Not `eq_any`: diesel can't cache the prepared statement of a list.
                    .or(organization_members::role.eq(OrganizationRole::Admin))
                    .or(organization_members::role.eq(OrganizationRole::Owner)),
            )
            .select((
                (
                    organization_members::id,
                    organization_members::user_id,
                    organization_members::role,
                    organization_members::created_at,
                    users::email,
                    users::name,
                    users::disabled_at,
                ),
                given_role_columns!(),
                members::created_at.nullable(),
            ))
            .order((
                first_known(members::created_at.nullable(), organization_members::created_at).desc(),
                organization_members::id.desc(),
            ))
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            let joined_at = || first_known(members::created_at.nullable(), organization_members::created_at);
            query = query.filter(
                joined_at()
                    .lt(after.joined_at)
                    .or(joined_at().eq(after.joined_at).and(organization_members::id.lt(after.id))),
            );
        }
        let rows: Vec<WorkspaceMemberRow> = query.load(conn)?;
        Ok(rows
            .into_iter()
            .filter_map(|(member, role, since)| Self::of(catalog, member, given_role(catalog, role), since))
            .collect())
    }

    fn of(
        catalog: &PermissionCatalog,
        member: OrganizationMember,
        given: Option<HeldRole>,
        since: Option<Timestamp>,
    ) -> Option<Self> {
        let status = member.status();
        let OrganizationMember { id, user_id, role: organization_role, joined_at, email, name, .. } = member;
        let role = catalog.effective_role(organization_role, given)?.name;
        Some(Self { id, user_id, role, joined_at: since.unwrap_or(joined_at), email, name, status })
    }

    /// Sets a member's role in the workspace. The caller gives a role with at most what the caller has there; an admin of
    /// the organization, who makes the custom roles, gives any.
    ///
    /// # Errors
    /// `not_found` when the user is not a member of the organization; `insufficient_permission` for a role that has more
    /// than the caller; `validation_failed` for a role of another organization.
    pub fn put(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &WorkspaceAccess<can::MembersManage>,
        user: UserId,
        role: RoleName,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let organization = access.workspace().organization_id;
        Organization::lock(conn, organization)?;
        let catalog = access.catalog();
        let given = Role::named(conn, catalog, organization, role, "role")?;
        ensure_may_give_role(access, given)?;
        let member = OrganizationMember::of(conn, organization, user)?;
        Self::set(conn, access_change, organization, access.workspace_id(), user, role, now)?;
        let since = members::table.find((access.workspace_id(), user)).select(members::created_at).first(conn)?;
        Self::of(catalog, member, Some(given), Some(since)).ok_or_else(ApiError::not_found)
    }

    /// Writes the role under the lock of the organization. Foreign keys reject a workspace or a user of another
    /// organization.
    ///
    /// # Errors
    /// Database errors.
    pub fn set(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        organization: OrganizationId,
        workspace: WorkspaceId,
        user: UserId,
        role: RoleName,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let earlier = Self::own_role(conn, workspace, user)?;
        let row = (
            members::workspace_id.eq(workspace),
            members::organization_id.eq(organization),
            members::user_id.eq(user),
            members::role.eq(role.column()),
            members::role_id.eq(role.custom()),
            members::created_at.eq(now),
        );
        each!(conn, |native| {
            diesel::insert_into(members::table)
                .values(row)
                .on_conflict((members::workspace_id, members::user_id))
                .do_update()
                .set((members::role.eq(role.column()), members::role_id.eq(role.custom())))
                .execute(native)
        })?;
        let mut entry = |action| entry(conn, action, organization, workspace, user);
        access_change.revoking(match earlier {
            None => entry(Action::WorkspaceMemberAdded)?.after(json!({ "role": role })),
            Some(earlier) => {
                entry(Action::WorkspaceMemberRoleChanged)?.changed(json!({ "role": earlier }), json!({ "role": role }))
            }
        });
        Ok(())
    }

    /// Returns the role given in the workspace itself.
    fn own_role(conn: &mut Conn, workspace: WorkspaceId, user: UserId) -> Result<Option<RoleName>, ApiError> {
        let found: Option<(WorkspaceRole, Option<RoleId>)> =
            members::table.find((workspace, user)).select((members::role, members::role_id)).first(conn).optional()?;
        Ok(found.map(|(role, custom)| RoleName::of_columns(role, custom)))
    }

    /// Removes a member's role in the workspace, and transfers or orphans the member's keys there. An admin of the
    /// organization stays an admin here, and keeps the keys.
    ///
    /// # Errors
    /// `not_found` when the user has no own role here; `validation_failed` when the heir may not have the keys;
    /// `insufficient_permission` for a transfer by a caller who may not create keys.
    pub fn remove(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        rules: KeyRules<'_>,
        access: &WorkspaceAccess<can::MembersManage>,
        user: UserId,
        heir: Option<Heir>,
        now: Timestamp,
    ) -> Result<RemovedKeys, ApiError> {
        let organization_id = access.workspace().organization_id;
        Organization::lock(conn, organization_id)?;
        let member = OrganizationMember::of(conn, organization_id, user)?;
        let role = Self::own_role(conn, access.workspace_id(), user)?.ok_or_else(ApiError::not_found)?;
        let entry = entry(conn, Action::WorkspaceMemberRemoved, organization_id, access.workspace_id(), user)?;
        access_change.revoking(entry.before(json!({ "role": role })));
        let keys = match heir {
            None if member.role >= OrganizationRole::Admin => RemovedKeys::default(),
            heir => {
                if heir.is_some() {
                    ensure_may_create(access, rules.config.keys.min_creator_role)?;
                }
                let removed =
                    RemovedMember { organization_id, workspace_id: Some(access.workspace_id()), user_id: user };
                ApiKey::orphan_or_transfer(conn, access_change, rules, (access.user_id(), removed), heir, now)?
            }
        };
        diesel::delete(members::table.find((access.workspace_id(), user))).execute(conn)?;
        Ok(keys)
    }
}

/// Checks that a role has at most what its giver has there. An admin of the organization makes its roles, and gives any.
fn ensure_may_give_role<P>(access: &WorkspaceAccess<P>, role: HeldRole) -> Result<(), ApiError> {
    let own = access.role().permissions;
    if access.organization_role() >= OrganizationRole::Admin || role.permissions.is_subset(own) {
        return Ok(());
    }
    let more = access.catalog().names_of(role.permissions.difference(own));
    let more: Vec<&str> = more.iter().collect();
    Err(ApiError::with_message(
        Code::InsufficientPermission,
        format!("You can give at most what you have in the workspace: this role also has {}.", more.join(", ")),
    ))
}

/// Returns an audit entry about a user's role in a workspace.
fn entry(
    conn: &mut Conn,
    action: Action,
    organization: OrganizationId,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Entry, ApiError> {
    let email: Option<String> = users::table.find(user).select(users::email).first(conn)?;
    Ok(Entry::new(action, organization, Target::user(user, email.as_deref())).within(workspace))
}
