//! [`Store`]: the database as the domain uses it, scoped to one organization by a guard.

use super::AccessChange;
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::policy::PermissionCatalog;
use crate::base::sql::Conn;
use crate::base::time::Clock;
use crate::domain::access::{Authority, CallerProof, Grant, Guard, Today};
use crate::infra::cluster::{Cluster, Groups};
use crate::infra::db::{Db, ScopedDb};
use crate::infra::request::RequestContext;
use std::sync::Arc;

/// The database and the cluster that its changes are announced to. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    cluster: Arc<Cluster>,
    catalog: Arc<PermissionCatalog>,
}

impl Store {
    pub fn new(db: Db, cluster: Arc<Cluster>, catalog: Arc<PermissionCatalog>) -> Self {
        Self { db, cluster, catalog }
    }

    /// What roles and permissions mean.
    pub fn catalog(&self) -> Arc<PermissionCatalog> {
        Arc::clone(&self.catalog)
    }

    /// The pool beneath.
    pub(in crate::domain) fn db(&self) -> &Db {
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
        let authority = Some(guard.authority());
        ScopedStore { authority, ..self.beneath(self.db.for_organization(organization)) }
    }

    /// The database without row-level security: for requests without a guard of one organization, such as a sign-in or
    /// a person's list of organizations, and for background tasks.
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedStore {
        self.beneath(self.db.for_all_tenants())
    }

    fn beneath(&self, db: ScopedDb) -> ScopedStore {
        ScopedStore::new(db, Arc::clone(&self.cluster), Arc::clone(&self.catalog))
    }

    /// The database of one organization, to read only: for the query that makes a guard.
    #[must_use]
    pub fn reader_of(&self, organization: OrganizationId) -> Reader {
        Reader(self.db.for_organization(organization))
    }

    /// The database of all tenants, to read only.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(self.db.for_all_tenants())
    }

    /// The database of all tenants for a caller that no guard let into one organization. Its transactions read the
    /// caller's authority again.
    #[must_use]
    pub fn for_caller(&self, caller: CallerProof) -> ScopedStore {
        ScopedStore { authority: Some(Authority::new(caller, Grant::default())), ..self.for_all_tenants() }
    }
}

/// The database of all tenants, which can only be read.
#[derive(Clone, Debug)]
pub struct Reader(ScopedDb);

impl Reader {
    /// Runs queries.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub async fn read<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.0.read(body).await
    }
}

/// The database, limited to the rows of one scope. Cost: two reference counts, and those of its queries.
#[derive(Clone, Debug)]
pub struct ScopedStore {
    db: ScopedDb,
    cluster: Arc<Cluster>,
    catalog: Arc<PermissionCatalog>,
    /// `None` for work of the operator, in the background, and for callers whom the transaction itself authenticates
    /// (`identity`, `invitations::accept_mailed`).
    authority: Option<Authority>,
}

impl ScopedStore {
    /// Makes a store for the command line.
    ///
    /// # Errors
    /// A text for the operator about the permissions of the configuration.
    pub fn for_command(config: &Config, db: ScopedDb, clock: &Clock) -> Result<Self, String> {
        Ok(Self::new(db, Cluster::new(config, clock), Arc::new(config.permission_catalog()?)))
    }

    fn new(db: ScopedDb, cluster: Arc<Cluster>, catalog: Arc<PermissionCatalog>) -> Self {
        Self { db, cluster, catalog, authority: None }
    }

    /// Runs queries. The database refuses writes.
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

    /// [`ScopedStore::read`] that first reads the caller's authority again: for each page of a long answer.
    ///
    /// # Errors
    /// As [`ScopedStore::read`]; those of authentication and of the guard.
    pub async fn read_confirmed<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        let (db, _, confirmation) = self.parts();
        db.read(move |conn| confirmation.check(conn).and_then(|()| body(conn))).await
    }

    fn parts(self) -> (ScopedDb, Arc<Cluster>, Confirmation) {
        let authority = self.authority.filter(|_| !self.cluster.skips_confirmation());
        let confirmation = Confirmation { authority, clock: self.cluster.clock().clone(), catalog: self.catalog };
        (self.db, self.cluster, confirmation)
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
        let (db, _, confirmation) = self.parts();
        db.write_holding(confirmation.locks(), move |conn| confirmation.check(conn).and_then(|()| body(conn))).await
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
        let (db, cluster, confirmation) = self.parts();
        let locks = confirmation.locks();
        let change = move |conn: &mut Conn| {
            confirmation.check(conn)?;
            audited(conn, (&confirmation.clock, &confirmation.catalog), body)
        };
        cluster.change(db, locks, change).await
    }

    /// [`ScopedStore::change_access`] for the command line, whose thread may block.
    ///
    /// # Errors
    /// As [`Cluster::change`].
    pub fn change_access_blocking<T>(
        &self,
        body: impl FnOnce(&mut Conn, &mut AccessChange) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.cluster.change_blocking(&self.db, |conn| audited(conn, (self.cluster.clock(), &self.catalog), body))
    }
}

/// The second look at a caller's authority, at the start of a transaction.
struct Confirmation {
    authority: Option<Authority>,
    clock: Clock,
    catalog: Arc<PermissionCatalog>,
}

impl Confirmation {
    fn locks(&self) -> String {
        self.authority.as_ref().map(Authority::locks).unwrap_or_default()
    }

    fn check(&self, conn: &mut Conn) -> Result<(), ApiError> {
        let Some(authority) = &self.authority else { return Ok(()) };
        authority.confirm(conn, Today { now: self.clock.now(), catalog: &self.catalog })
    }
}

/// Runs `body`, then writes its audit events.
fn audited<T>(
    conn: &mut Conn,
    (clock, catalog): (&Clock, &Arc<PermissionCatalog>),
    body: impl FnOnce(&mut Conn, &mut AccessChange) -> Result<T, ApiError>,
) -> Result<(T, Groups), ApiError> {
    let mut access_change = AccessChange::here(catalog);
    let value = body(conn, &mut access_change)?;
    Ok((value, access_change.finish(conn, clock.now())?))
}
