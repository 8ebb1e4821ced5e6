//! [`AccessChange`]: the audit events of a transaction, and the cache entries that it invalidates on all nodes.

use crate::base::error::ApiError;
use crate::base::policy::PermissionCatalog;
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::audit::{Actor, Entry, Trail};
use crate::infra::cluster::Groups;
use std::sync::Arc;

/// Collects the changes of access of one transaction. A function that changes access takes it, so it can only run in
/// [`super::ScopedStore::change_access`], which announces the changes to all nodes and waits for them.
///
/// An announcement takes an [`Entry`], so a change of access always has its audit event.
#[derive(Debug)]
pub struct AccessChange {
    groups: Groups,
    trail: Trail,
    catalog: Arc<PermissionCatalog>,
}

impl AccessChange {
    pub(super) fn here(catalog: &Arc<PermissionCatalog>) -> Self {
        Self { groups: Groups::default(), trail: Trail::here(), catalog: Arc::clone(catalog) }
    }

    /// What roles and permissions mean.
    pub fn catalog(&self) -> Arc<PermissionCatalog> {
        Arc::clone(&self.catalog)
    }

    /// Call this when access is taken away. The organization's cache entries are invalidated on all nodes. An entry
    /// without a difference is not written, but the call still waits for an earlier one that may be in flight.
    pub fn revoking(&mut self, entry: Entry) {
        self.groups.insert_organization(entry.organization());
        self.trail.add(entry);
    }

    /// Call this when no access is taken away, such as for a new key. No cache entry is invalidated.
    pub fn audit_only(&mut self, entry: Entry) {
        self.trail.add(entry);
    }

    /// Names the actor, where it is not the request's caller: billing, or a person who signs in with this request.
    pub fn act_as(&mut self, actor: Actor) {
        self.trail.act_as(actor);
    }

    /// [`AccessChange::act_as`] for a person whose name the transaction removes: the events have it.
    ///
    /// # Errors
    /// Database errors.
    pub fn act_as_leaving(&mut self, conn: &mut Conn, actor: Actor) -> Result<(), ApiError> {
        self.trail.act_as_leaving(conn, actor)
    }

    /// Call this when keys were imported: a text that a node remembers as unknown may be a key now.
    pub fn unknown_keys(&mut self) {
        self.groups.insert_unknown_keys();
    }

    /// Call this when a service token changes.
    pub fn service_tokens(&mut self) {
        self.groups.insert_service_tokens();
    }

    /// Writes the audit events, and returns the groups to announce.
    pub(super) fn finish(self, conn: &mut Conn, now: Timestamp) -> Result<Groups, ApiError> {
        self.trail.write(conn, now)?;
        Ok(self.groups)
    }
}
