//! [`CachedKey`]: a key as the cache stores it.

use super::last_used::{LastUse, Used};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::network::AddressBlock;
use crate::base::policy::{KeyPermissions, OrganizationRole, PermissionCatalog, RoleName, Scope};
use crate::base::sql::Conn;
use crate::base::sql::schema::{
    api_key_secrets, api_keys, organization_members, subscriptions, users, workspace_members,
};
use crate::base::time::Timestamp;
use crate::domain::access::{KeyLimits, Reach};
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::creator_roles::status_of;
use crate::domain::api_keys::model::{CreatorRoleColumns, creator_role_columns, creator_roles_of, with_creator};
use crate::domain::api_keys::{CreatorRoles, KeyStatus};
use crate::domain::subscriptions::{EffectiveSubscription, Subscription, Term};
use crate::domain::usage::{Counted, CountedKey, KeyUsage};
use diesel::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

/// A key with its creator's roles and its organization's subscription: all inputs of a decision except the time and
/// the client's address. Valid until access in the organization changes.
///
/// Snapshot small: a node caches 100,000 of them.
#[derive(Debug)]
pub struct CachedKey {
    pub key_id: KeyId,
    pub workspace_id: WorkspaceId,
    pub organization_id: OrganizationId,
    /// The key inherits this user's role.
    pub creator_id: UserId,
    pub name: Option<Box<str>>,
    /// The plan until the first of the later subscriptions counts.
    plan: Arc<String>,
    /// What it keeps of the creator's role.
    pub scope: Scope,
    /// The most that it has. Boxed: most keys have no limits.
    limits: Option<Box<KeyLimits>>,
    /// `None` for an orphaned key.
    roles: Option<(OrganizationRole, RoleName)>,
    /// What limits and scope leave of the role. Keys with the same permissions share them. `None` for an orphaned key.
    permissions: Option<Arc<KeyPermissions>>,
    is_revoked: bool,
    is_disabled: bool,
    subscription: Term,
    expires_at: Option<Timestamp>,
    /// When this value of the key stops, after a roll with overlap.
    value_ends_at: Option<Timestamp>,
    /// What most keys lack. Boxed, so that it takes eight bytes there.
    rare: Option<Box<Rare>>,
    last_use: LastUse,
    /// The requests that are not written yet.
    usage: KeyUsage,
}

#[derive(Debug)]
struct Rare {
    /// An empty list allows every address.
    allowed_ips: Box<[AddressBlock]>,
    /// The subscriptions that count later, without an event, in the order of their time.
    later: Box<[Later]>,
}

#[derive(Debug)]
struct Later {
    from: Timestamp,
    plan: Arc<String>,
    term: Term,
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
    /// Finds the key of a hash. `share` makes the plan's name. One SELECT, with joins by primary or unique key.
    ///
    /// # Errors
    /// Those of the database.
    pub(in crate::domain::api_keys) fn find(
        conn: &mut Conn,
        catalog: &PermissionCatalog,
        hash: &[u8],
        share: impl Fn(String) -> Arc<String>,
    ) -> Result<Option<Self>, ApiError> {
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
        Ok(row.map(|(key, creator, subscription, ends)| {
            Self::new(catalog, key, creator_roles_of(catalog, creator), subscription, ends, share)
        }))
    }

    fn new(
        catalog: &PermissionCatalog,
        key: ApiKey,
        creator: CreatorRoles,
        subscription: Subscription,
        value_ends_at: Option<Timestamp>,
        share: impl Fn(String) -> Arc<String>,
    ) -> Self {
        let inherited = key.inherited(creator, catalog);
        let first = subscription.first();
        let later = subscription.later().iter();
        let rare = Rare {
            allowed_ips: key.allowed_ips.blocks().collect(),
            later: later
                .map(|choice| Later { from: choice.from, plan: share(choice.plan.clone()), term: choice.term })
                .collect(),
        };
        Self {
            roles: inherited.map(|(organization_role, role)| (organization_role, role.name)),
            permissions: inherited.map(|(_, role)| catalog.of_key(role.permissions, key.scope)),
            limits: Some(key.limits()).filter(|limits| *limits != KeyLimits::default()).map(Box::new),
            key_id: key.id,
            workspace_id: key.workspace_id,
            organization_id: key.organization_id,
            creator_id: key.creator_id,
            name: key.name.map(String::into_boxed_str),
            subscription: first.term,
            plan: share(first.plan),
            scope: key.scope,
            is_revoked: key.revoked_at.is_some(),
            is_disabled: key.disabled_at.is_some(),
            expires_at: key.expires_at,
            value_ends_at,
            rare: (!rare.allowed_ips.is_empty() || !rare.later.is_empty()).then(|| Box::new(rare)),
            last_use: LastUse::default(),
            usage: KeyUsage::default(),
        }
    }

    /// Returns the key's status at `now`; `None` when this value has ended.
    pub(in crate::domain::api_keys) fn status_at(&self, now: Timestamp) -> Option<KeyStatus> {
        if self.value_ends_at.is_some_and(|end| end <= now) {
            return None;
        }
        Some(status_of(self.is_revoked, self.expires_at, self.is_disabled, self.roles.is_some(), now))
    }

    /// Returns the roles that the key inherits; `None` for an orphaned key.
    pub(super) fn roles(&self) -> Option<(OrganizationRole, RoleName)> {
        self.roles
    }

    /// Returns the inherited role; `None` for an orphaned key.
    pub fn role(&self) -> Option<RoleName> {
        self.roles.map(|(_, role)| role)
    }

    /// Returns what the key may do; `None` for an orphaned key.
    pub fn permissions(&self) -> Option<&KeyPermissions> {
        self.permissions.as_deref()
    }

    /// Returns when this value stops: at the key's expiry, or earlier with the overlap of a roll.
    pub fn ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.value_ends_at].into_iter().flatten().min()
    }

    /// Returns how far this value of the key reaches.
    pub fn reach(&self) -> Reach {
        Reach {
            permissions: self.permissions().map(KeyPermissions::granted),
            limits: self.limits.as_deref().cloned().unwrap_or_default(),
            scope: self.scope,
            ends_at: self.ends_at(),
            addresses: self.allowed_ips().to_vec(),
        }
    }

    /// Returns the subscription that counts at `now`, and its place, which [`CachedKey::plan`] takes.
    pub(in crate::domain::api_keys) fn subscription_at(&self, now: Timestamp) -> (usize, EffectiveSubscription) {
        let later = self.later();
        let passed = later.partition_point(|later| later.from <= now);
        let term = later[..passed].last().map_or(&self.subscription, |later| &later.term);
        (passed, term.at(now))
    }

    /// Returns the organization's plan by the place of its subscription.
    pub(in crate::domain::api_keys) fn plan(&self, place: usize) -> &String {
        place.checked_sub(1).and_then(|place| self.later().get(place)).map_or(&self.plan, |later| &later.plan)
    }

    fn later(&self) -> &[Later] {
        self.rare.as_ref().map_or(&[], |rare| &rare.later)
    }

    fn allowed_ips(&self) -> &[AddressBlock] {
        self.rare.as_ref().map_or(&[], |rare| &rare.allowed_ips)
    }

    /// True when the key may be used from the address. A list of addresses rejects an unknown address.
    pub(super) fn admits(&self, from: Option<IpAddr>) -> bool {
        let allowed = self.allowed_ips();
        if allowed.is_empty() {
            return true;
        }
        from.is_some_and(|address| allowed.iter().any(|block| block.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_small() {
        // With the two reference counts it is 224 bytes, a size class of the allocator.
        assert_eq!(size_of::<CachedKey>(), 208);
    }
}
