//! [`CachedKey`]: what a request needs to know of a key, as the cache keeps it.

use super::last_used::{LastUse, Used};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::Scope;
use crate::base::policy::{OrganizationRole, WorkspaceRole};
use crate::base::sql::Conn;
use crate::base::sql::schema::{
    api_key_secrets, api_keys, organization_members, subscriptions, users, workspace_members,
};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::creator_roles::status_of;
use crate::domain::api_keys::model::{CreatorRoleColumns, creator_role_columns, creator_roles_of, with_creator};
use crate::domain::api_keys::{CreatorRoles, KeyStatus};
use crate::domain::subscriptions::{EffectiveSubscription, PlanName, Subscription, Term};
use crate::domain::usage::{Counted, CountedKey, KeyUsage};
use diesel::prelude::*;
use ipnet::IpNet;
use std::net::IpAddr;

/// A key with its creator's roles and its organization's subscription: all that decides about a request but the clock
/// and the caller's address. It is right until somebody's access in the organization changes.
///
/// Snapshot small: a node holds a hundred thousand of them.
#[derive(Debug)]
pub struct CachedKey {
    /// The key's record.
    pub key_id: KeyId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// That workspace's organization.
    pub organization_id: OrganizationId,
    /// Whose role it inherits.
    pub creator_id: UserId,
    /// The name its creator gave it.
    pub name: Option<Box<str>>,
    /// The organization's plan.
    pub plan: PlanName,
    /// What it keeps of the creator's role.
    pub scope: Scope,
    /// The creator's roles, unless the key is orphaned.
    pub(super) roles: Option<(OrganizationRole, WorkspaceRole)>,
    is_revoked: bool,
    is_disabled: bool,
    subscription: Term,
    expires_at: Option<Timestamp>,
    /// When this value of the key stops, after a roll with overlap.
    value_ends_at: Option<Timestamp>,
    /// Most keys have none, and those take eight bytes of each.
    allowed_ips: Option<Box<Box<[IpNet]>>>,
    /// Its last use that is not written yet.
    last_use: LastUse,
    /// Its requests that are not written yet.
    usage: KeyUsage,
}

impl Used for CachedKey {
    type Id = KeyId;

    fn id(&self) -> KeyId {
        self.key_id
    }

    fn last_use(&self) -> &LastUse {
        &self.last_use
    }
}

impl Counted for CachedKey {
    fn key(&self) -> CountedKey {
        CountedKey { id: self.key_id, workspace_id: self.workspace_id, organization_id: self.organization_id }
    }

    fn usage(&self) -> &KeyUsage {
        &self.usage
    }
}

impl CachedKey {
    /// The key of a hash. One SELECT, with joins by primary or unique key.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<Self>, ApiError> {
        type CachedKeyRow = (ApiKey, CreatorRoleColumns, Subscription, Option<Timestamp>);
        let from = api_key_secrets::table
            .inner_join(api_keys::table)
            .inner_join(subscriptions::table.on(subscriptions::organization_id.eq(api_keys::organization_id)));
        let row: Option<CachedKeyRow> = with_creator!(from)
            .filter(api_key_secrets::hash.eq(hash))
            .select((
                ApiKey::as_select(),
                creator_role_columns!(),
                Subscription::as_select(),
                api_key_secrets::valid_until,
            ))
            .first(conn)
            .optional()?;
        Ok(row.map(|(key, creator, subscription, ends)| Self::new(key, creator_roles_of(creator), subscription, ends)))
    }

    fn new(key: ApiKey, creator: CreatorRoles, subscription: Subscription, value_ends_at: Option<Timestamp>) -> Self {
        let role = key.inherited_role(creator);
        Self {
            roles: creator.organization_role.zip(role),
            key_id: key.id,
            workspace_id: key.workspace_id,
            organization_id: key.organization_id,
            creator_id: key.creator_id,
            name: key.name.map(String::into_boxed_str),
            subscription: subscription.term(),
            plan: subscription.plan.into(),
            scope: key.scope,
            is_revoked: key.revoked_at.is_some(),
            is_disabled: key.disabled_at.is_some(),
            expires_at: key.expires_at,
            value_ends_at,
            allowed_ips: Some(key.allowed_ips.blocks().collect::<Box<[IpNet]>>())
                .filter(|all| !all.is_empty())
                .map(Box::new),
            last_use: LastUse::default(),
            usage: KeyUsage::default(),
        }
    }

    /// Where the key stands at `now`; `None` when this value of it has ended.
    pub(super) fn status_at(&self, now: Timestamp) -> Option<KeyStatus> {
        if self.value_ends_at.is_some_and(|end| end <= now) {
            return None;
        }
        Some(status_of(self.is_revoked, self.expires_at, self.is_disabled, self.roles.is_some(), now))
    }

    /// The role it inherits, unless it is orphaned.
    pub fn role(&self) -> Option<WorkspaceRole> {
        self.roles.map(|(_, role)| role)
    }

    /// When this value of it stops: at the key's expiry, or with the overlap of a roll before that.
    pub fn ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.value_ends_at].into_iter().flatten().min()
    }

    /// The organization's subscription at `now`.
    pub(super) fn subscription_at(&self, now: Timestamp) -> EffectiveSubscription {
        self.subscription.at(now)
    }

    /// Whether it may be used from there. An unknown address is not allowed, where any are named.
    pub(super) fn admits(&self, from: Option<IpAddr>) -> bool {
        let Some(allowed) = &self.allowed_ips else { return true };
        from.is_some_and(|address| allowed.iter().any(|block| block.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_small() {
        // With its counts of references 192, which is an allocator's size.
        assert_eq!(size_of::<CachedKey>(), 176);
    }
}
