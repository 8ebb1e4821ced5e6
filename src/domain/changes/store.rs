//! [`Store`]: the database as the domain uses it, scoped to one organization by a guard.

use super::AccessChange;
use crate::base::error::ApiError;
use crate::base::sql::Conn;
use crate::base::time::Clock;
use crate::domain::access::Guard;
use crate::infra::cluster::{Cluster, Groups};
use crate::infra::db::{Db, ScopedDb};
use crate::infra::request::RequestContext;
use std::sync::Arc;

/// The database and the cluster that its changes are announced to. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    cluster: Arc<Cluster>,
}

impl Store {
    /// A store over an open database.
    pub fn new(db: Db, cluster: Arc<Cluster>) -> Self {
        Self { db, cluster }
    }

    /// The pool beneath.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The database as the organization sees it that a guard let the request into.
    #[must_use]
    pub fn scoped_to(&self, guard: &impl Guard) -> ScopedStore {
        let organization = guard.organization_id();
        debug_assert!(
            RequestContext::current_id().is_none() || RequestContext::organization() == Some(organization),
            "a guard must tell the request's context which organization it lets it into"
        );
        ScopedStore { db: self.db.for_organization(organization), cluster: Arc::clone(&self.cluster) }
    }

    /// The database without the second wall between tenants: for requests that no guard let into one organization, such
    /// as a sign-in or a person's list of organizations, and for work in the background.
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedStore {
        ScopedStore { db: self.db.for_all_tenants(), cluster: Arc::clone(&self.cluster) }
    }
}

/// The database, for the rows of one scope. Cost: two counts of references, and its queries'.
#[derive(Clone, Debug)]
pub struct ScopedStore {
    db: ScopedDb,
    cluster: Arc<Cluster>,
}

impl ScopedStore {
    /// The rows of a scope, for the command line.
    pub fn new(db: ScopedDb, cluster: Arc<Cluster>) -> Self {
        Self { db, cluster }
    }

    /// Runs queries.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub async fn read<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.db.read(body).await
    }

    /// Runs a transaction that changes nobody's access.
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub async fn write<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.db.write(body).await
    }

    /// Runs a transaction that changes access, and returns when no node honours the old access any more. The audit
    /// events are written at its end, so that the heads of the audit chains are its last locks.
    ///
    /// # Errors
    /// As [`Cluster::change`].
    pub async fn change_access<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn, &mut AccessChange) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        let clock = self.cluster.clock().clone();
        self.cluster.change(self.db, move |conn| audited(conn, &clock, body)).await
    }

    /// [`ScopedStore::change_access`] for the command line, whose thread may block.
    ///
    /// # Errors
    /// As [`Cluster::change`].
    pub fn change_access_blocking<T>(
        &self,
        body: impl FnOnce(&mut Conn, &mut AccessChange) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.cluster.change_blocking(&self.db, |conn| audited(conn, self.cluster.clock(), body))
    }
}

/// Runs `body`, then writes its audit events.
fn audited<T>(
    conn: &mut Conn,
    clock: &Clock,
    body: impl FnOnce(&mut Conn, &mut AccessChange) -> Result<T, ApiError>,
) -> Result<(T, Groups), ApiError> {
    let mut access_change = AccessChange::here();
    let value = body(conn, &mut access_change)?;
    Ok((value, access_change.finish(conn, clock.now())?))
}
