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
    pub fn new(db: Db, cluster: Arc<Cluster>) -> Self {
        Self { db, cluster }
    }

    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The database, limited to the guard's organization. On PostgreSQL, row-level security shows only its rows.
    #[must_use]
    pub fn scoped_to(&self, guard: &impl Guard) -> ScopedStore {
        let organization = guard.organization_id();
        debug_assert!(
            RequestContext::current_id().is_none() || RequestContext::organization() == Some(organization),
            "an extractor must set the request's organization before the handler uses its guard"
        );
        ScopedStore { db: self.db.for_organization(organization), cluster: Arc::clone(&self.cluster) }
    }

    /// The database without row-level security: for requests without a guard of one organization, such as a sign-in or
    /// a person's list of organizations, and for background tasks.
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedStore {
        ScopedStore { db: self.db.for_all_tenants(), cluster: Arc::clone(&self.cluster) }
    }
}

/// The database, limited to the rows of one scope. Cost: two reference counts, and those of its queries.
#[derive(Clone, Debug)]
pub struct ScopedStore {
    db: ScopedDb,
    cluster: Arc<Cluster>,
}

impl ScopedStore {
    /// Makes a store for the command line.
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

    /// Runs a transaction that changes no access.
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

    /// Runs a transaction that changes access, and returns when no node accepts the old access any more. The audit
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
