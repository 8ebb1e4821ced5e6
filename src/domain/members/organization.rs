//! Rows of `organization_members`.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{MembershipId, OrganizationId, UserId};
use crate::base::paging::Position;
use crate::base::policy::{OrganizationRole, Permission, can};
use crate::base::sql::schema::{organization_members as members, users};
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::api_keys::{ApiKey, Heir, KeyRules, RemovedKeys, RemovedMember};
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::delegation::{ensure_may_touch, withdraw_what_is_lost};
use crate::domain::tenancy::{Organization, PersonStatus};
use diesel::prelude::*;
use serde_json::{Value, json};

/// The most organizations of a person whose trails get an event of what can be repeated at will.
const MAX_ENTRIES: i64 = 100;

/// A member of an organization, with the user's address and name.
#[derive(Clone, Debug, Queryable)]
pub struct OrganizationMember {
    /// Lists are in its order.
    pub id: MembershipId,
    pub user_id: UserId,
    pub role: OrganizationRole,
    pub joined_at: Timestamp,
    pub email: Option<String>,
    pub name: Option<String>,
    /// When the user was disabled.
    pub disabled_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        (
            members::id,
            members::user_id,
            members::role,
            members::created_at,
            users::email,
            users::name,
            users::disabled_at,
        )
    };
}

impl OrganizationMember {
    /// Returns a page of the members, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationRead>,
        page: Position<MembershipId>,
    ) -> Result<Vec<Self>, ApiError> {
        let mut query = members::table
            .inner_join(users::table)
            .filter(members::organization_id.eq(access.organization_id()))
            .select(columns!())
            .order(members::id.desc())
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            query = query.filter(members::id.lt(after));
        }
        Ok(query.load(conn)?)
    }

    /// Returns one member.
    ///
    /// # Errors
    /// `not_found`
    pub fn of(conn: &mut Conn, organization: OrganizationId, user: UserId) -> Result<Self, ApiError> {
        Ok(members::table
            .inner_join(users::table)
            .filter(members::organization_id.eq(organization).and(members::user_id.eq(user)))
            .select(columns!())
            .first(conn)?)
    }

    /// Adds a member; `false` when the user is a member already.
    ///
    /// # Errors
    /// Database errors.
    pub fn add(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        organization: OrganizationId,
        user: UserId,
        role: OrganizationRole,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let row = (
            members::id.eq(MembershipId::new()),
            members::organization_id.eq(organization),
            members::user_id.eq(user),
            members::role.eq(role),
            members::created_at.eq(now),
        );
        let added = each!(conn, |native| {
            diesel::insert_into(members::table).values(row).on_conflict_do_nothing().execute(native)
        })?;
        if added == 1 {
            let member = Self::of(conn, organization, user)?;
            access_change.revoking(member.entry(Action::OrganizationMemberAdded, organization).after(member.facts()));
        }
        Ok(added == 1)
    }

    /// Whether the person can act.
    pub fn status(&self) -> PersonStatus {
        PersonStatus::of(self.disabled_at)
    }

    fn entry(&self, action: Action, organization: OrganizationId) -> Entry {
        Entry::new(action, organization, Target::user(self.user_id, self.email.as_deref()))
    }

    fn facts(&self) -> Value {
        json!({ "role": self.role })
    }

    /// Changes a member's role. Only an owner may give or remove the role of owner, and one owner who can act always
    /// remains. Withdraws the member's invitations that the new role may not give.
    ///
    /// # Errors
    /// `not_found`, `insufficient_permission`, `last_owner`
    pub fn change_role(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        user: UserId,
        role: OrganizationRole,
    ) -> Result<Self, ApiError> {
        Organization::lock(conn, access.organization_id())?;
        let member = Self::of(conn, access.organization_id(), user)?;
        ensure_may_touch(access.role(), member.role.max(role))?;
        if role != OrganizationRole::Owner {
            ensure_other_owner(conn, access.organization_id(), &member)?;
        }
        diesel::update(members::table.find(member.id)).set(members::role.eq(role)).execute(conn)?;
        let changed = Self { role, ..member.clone() };
        let entry = changed.entry(Action::OrganizationMemberRoleChanged, access.organization_id());
        access_change.revoking(entry.changed(member.facts(), changed.facts()));
        withdraw_what_is_lost(conn, access_change, access.organization_id(), user)?;
        Ok(changed)
    }

    /// Adds a user as a member, or gives a member another role. A user who is not seen must be a member already.
    ///
    /// # Errors
    /// `not_found`, `conflict` for a disabled user, and those of [`Self::change_role`].
    pub fn put(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        (user, is_seen): (UserId, bool),
        role: OrganizationRole,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let organization = access.organization_id();
        Organization::lock(conn, organization)?;
        let known: Option<Option<Timestamp>> =
            users::table.find(user).select(users::disabled_at).first(conn).optional()?;
        let is_member = members::table
            .filter(members::organization_id.eq(organization).and(members::user_id.eq(user)))
            .select(members::id)
            .first::<MembershipId>(conn)
            .optional()?
            .is_some();
        if is_member {
            return Self::change_role(conn, access_change, access, user, role);
        }
        let disabled_at = known.filter(|_| is_seen).ok_or_else(ApiError::not_found)?;
        ensure_may_touch(access.role(), role)?;
        if !PersonStatus::of(disabled_at).can_act() {
            return Err(ApiError::with_message(Code::Conflict, "The user is disabled."));
        }
        Self::add(conn, access_change, organization, user, role, now)?;
        Self::of(conn, organization, user)
    }

    /// Removes a member with all workspace roles, transfers or orphans the API keys, and withdraws the member's
    /// invitations. Members may remove themselves.
    ///
    /// # Errors
    /// `not_found`, `insufficient_permission`, `last_owner`; `validation_failed` when the heir may not have the keys.
    pub fn remove(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        rules: KeyRules<'_>,
        access: &OrganizationAccess<can::OrganizationRead>,
        user: UserId,
        heir: Option<Heir>,
        now: Timestamp,
    ) -> Result<RemovedKeys, ApiError> {
        Organization::lock(conn, access.organization_id())?;
        let leaves = access.person_id() == Some(user) && heir.is_none();
        if !leaves && !Permission::OrganizationManage.held_in_organization(access.role()) {
            return Err(Code::InsufficientPermission.into());
        }
        let member = Self::of(conn, access.organization_id(), user)?;
        ensure_may_touch(access.role(), member.role)?;
        ensure_other_owner(conn, access.organization_id(), &member)?;
        let action = match access.person_id() == Some(user) {
            true => Action::OrganizationMemberLeft,
            false => Action::OrganizationMemberRemoved,
        };
        access_change.revoking(member.entry(action, access.organization_id()).before(member.facts()));
        let removed = RemovedMember { organization_id: access.organization_id(), workspace_id: None, user_id: user };
        let keys = ApiKey::orphan_or_transfer(conn, access_change, rules, (access.person_id(), removed), heir, now)?;
        diesel::delete(members::table.find(member.id)).execute(conn)?;
        withdraw_what_is_lost(conn, access_change, access.organization_id(), user)?;
        Ok(keys)
    }

    /// Returns an audit entry about a user for each organization of the user.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn entries_everywhere(conn: &mut Conn, action: Action, user: UserId) -> Result<Vec<Entry>, ApiError> {
        let all: Vec<(OrganizationId, Option<String>)> = members::table
            .inner_join(users::table)
            .filter(members::user_id.eq(user))
            .select((members::organization_id, users::email))
            .load(conn)?;
        let entry = |(id, email): (_, Option<String>)| Entry::new(action, id, Target::user(user, email.as_deref()));
        Ok(all.into_iter().map(entry).collect())
    }

    /// [`Self::entries_everywhere`] for the organizations that the user joined last, at most [`MAX_ENTRIES`]: for what a
    /// person, or a stranger, can repeat at will.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn entries_of_newest(conn: &mut Conn, action: Action, user: UserId) -> Result<Vec<Entry>, ApiError> {
        let newest: Vec<(OrganizationId, Option<String>)> = members::table
            .inner_join(users::table)
            .filter(members::user_id.eq(user))
            .select((members::organization_id, users::email))
            .order(members::id.desc())
            .limit(MAX_ENTRIES)
            .load(conn)?;
        let entry = |(id, email): (_, Option<String>)| Entry::new(action, id, Target::user(user, email.as_deref()));
        Ok(newest.into_iter().map(entry).collect())
    }

    /// Removes a user from every organization, orphans the keys and withdraws the user's invitations.
    ///
    /// # Errors
    /// `last_owner` when an organization would have no owner, or a database error.
    pub(crate) fn remove_everywhere(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        for organization_id in Organization::lock_all_of(conn, user)? {
            let member = Self::of(conn, organization_id, user)?;
            ensure_other_owner(conn, organization_id, &member)?;
            let entry = member.entry(Action::OrganizationMemberLeft, organization_id);
            access_change.revoking(entry.before(member.facts()));
            let removed = RemovedMember { organization_id, workspace_id: None, user_id: user };
            ApiKey::orphan(conn, access_change, removed, now)?;
            diesel::delete(members::table.find(member.id)).execute(conn)?;
            withdraw_what_is_lost(conn, access_change, organization_id, user)?;
        }
        Ok(())
    }
}

/// Checks that another owner remains who can act. Exact only under `Organization::lock`, which the operator's disabling
/// of a user takes, too.
fn ensure_other_owner(
    conn: &mut Conn,
    organization: OrganizationId,
    member: &OrganizationMember,
) -> Result<(), ApiError> {
    if member.role != OrganizationRole::Owner {
        return Ok(());
    }
    let others: Vec<Option<Timestamp>> = members::table
        .inner_join(users::table)
        .filter(members::organization_id.eq(organization))
        .filter(members::role.eq(OrganizationRole::Owner).and(members::user_id.ne(member.user_id)))
        .select(users::disabled_at)
        .load(conn)?;
    let remains = others.into_iter().any(|disabled_at| PersonStatus::of(disabled_at).can_act());
    if remains { Ok(()) } else { Err(Code::LastOwner.into()) }
}
