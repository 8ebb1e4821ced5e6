//! The database: the pool, row-level security, migrations and backup, for SQLite and PostgreSQL.
//!
//! Handlers hold a [`Db`]. It gives out a [`ScopedDb`], which sees the rows of one organization ([`scope`]). Its `read`
//! and `write` run a closure with a pooled [`Conn`] on a blocking thread, and return the result; `write` runs it in one
//! transaction. `base::sql` has the types that both databases read and write.

mod backup;
pub(crate) mod connection;
mod migrations;
mod normal_emails;
pub mod pooler;
pub mod scope;
mod transaction;

pub use backup::back_up;
pub use connection::Manager;
pub use migrations::{Migrated, ensure_current, migrate, prepare};
pub use scope::{DatabaseSession, Scope};

use crate::base::config;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::{Conn, DatabaseUrl};
use crate::infra::request::{InRequest, RequestContext};
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use crate::infra::telemetry::traces;
use actix_web::web;
use diesel::r2d2;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The connection pool. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: r2d2::Pool<Manager>,
    waits: Arc<Waits>,
    /// The name of the database system in OpenTelemetry.
    system: &'static str,
}

/// Counts waits for a connection.
#[derive(Default)]
struct Waits {
    now: AtomicU64,
    in_vain: AtomicU64,
}

impl Db {
    /// Creates the configured pool. Waits for no connection: an unavailable database causes 503, not a crash.
    pub fn new(settings: &config::Database) -> Self {
        let manager = Manager::new(settings.url.clone());
        let system = match settings.url {
            DatabaseUrl::Postgres(_) => "postgresql",
            DatabaseUrl::Sqlite(_) => "sqlite",
        };
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size)
            .min_idle(Some(1))
            .connection_timeout(settings.pool_timeout)
            .error_handler(Box::new(LogPoolError))
            .build_unchecked(match settings.prepared_statements {
                true => manager,
                false => manager.without_prepared_statements(),
            });
        Self { pool, waits: Arc::default(), system }
    }

    /// Returns access to the rows of one organization, which the caller has from a guard or as the operator. Handlers
    /// use `Store::scoped_to`.
    #[must_use]
    pub fn for_organization(&self, organization: OrganizationId) -> ScopedDb {
        ScopedDb { db: self.clone(), scope: Scope::Organization(organization) }
    }

    /// Returns access to the rows of all tenants and of none, without row-level security. Use it only where one
    /// organization is not enough.
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedDb {
        ScopedDb { db: self.clone(), scope: Scope::AllTenants }
    }

    /// Returns a free connection. Blocks for `database.pool_timeout` at most.
    fn connection(&self) -> Result<r2d2::PooledConnection<Manager>, ApiError> {
        self.waits.now.fetch_add(1, Relaxed);
        let found = self.pool.get();
        self.waits.now.fetch_sub(1, Relaxed);
        found.map_err(|error| {
            self.waits.in_vain.fetch_add(1, Relaxed);
            ApiError::unavailable_because(error)
        })
    }

    /// Registers the pool's connections, waits and time-outs.
    pub fn register_metrics(&self, metrics: &Metrics) {
        let db = self.clone();
        metrics.register(Kind::Gauge, "database_connections", "Connections to the database", move |readings| {
            let state = db.pool.state();
            readings.set(&[("state", "idle")], state.idle_connections.into());
            readings.set(&[("state", "used")], state.connections.saturating_sub(state.idle_connections).into());
        });
        let limit = self.pool.max_size().into();
        metrics.register(Kind::Gauge, "database_connections_limit", "The most connections", move |readings| {
            readings.set(&[], limit);
        });
        let waits = Arc::clone(&self.waits);
        metrics.register(Kind::Gauge, "database_waiting", "Who waits for a connection", move |readings| {
            readings.set(&[], waits.now.load(Relaxed));
        });
        let waits = Arc::clone(&self.waits);
        metrics.register(
            Kind::Counter,
            "database_timeouts",
            "Waits for a connection that found none",
            move |readings| {
                readings.set(&[], waits.in_vain.load(Relaxed));
            },
        );
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("system", &self.system).finish_non_exhaustive()
    }
}

/// The pool for the rows of one scope. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ScopedDb {
    db: Db,
    scope: Scope,
}

impl ScopedDb {
    /// Runs queries on a blocking thread.
    ///
    /// # Errors
    /// `unavailable` (503) if no connection is free in time, and the errors of `body`.
    pub async fn read<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.session(|session| session.read(body)).await
    }

    /// Runs `body` in one writing transaction on a blocking thread.
    ///
    /// # Errors
    /// As [`ScopedDb::read`]; any error rolls back.
    pub async fn write<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.session(|session| session.write(body)).await
    }

    /// [`ScopedDb::write`] that first takes locks ([`DatabaseSession::write_holding`]).
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub async fn write_holding<T, F>(self, locks: String, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.session(move |session| session.write_holding(&locks, body)).await
    }

    /// Lends one connection to a blocking thread: for what has to go on after its transaction.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub async fn session<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut DatabaseSession<'_>) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.ensure_scope_is_the_requests()?;
        let request = InRequest::capture(traces::database(self.db.system));
        web::block(move || request.run(|| self.session_blocking(body))).await.map_err(ApiError::internal)?
    }

    /// [`ScopedDb::read`] for a thread that may block: the command line.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub fn read_blocking<T>(&self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        self.session_blocking(|session| session.read(body))
    }

    /// [`ScopedDb::write`] for a thread that may block: the command line and background flushes.
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub fn write_blocking<T>(&self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        self.session_blocking(|session| session.write(body))
    }

    /// [`ScopedDb::session`] for a thread that may block.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub fn session_blocking<T>(
        &self,
        body: impl FnOnce(&mut DatabaseSession<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut connection = self.db.connection()?;
        let outcome = match connection.session(self.scope) {
            Ok(mut session) => body(&mut session),
            Err(error) => Err(error.into()),
        };
        if outcome.is_err() {
            connection.distrust();
        }
        outcome
    }

    /// Fails if the current request is authorized for one organization, and this scope is another: a mistake in its
    /// handler.
    fn ensure_scope_is_the_requests(&self) -> Result<(), ApiError> {
        match RequestContext::organization() {
            Some(own) if self.scope != Scope::Organization(own) => {
                let asked = self.scope;
                Err(ApiError::internal(format!("a request that was let into {own} asks for the rows of {asked}")))
            }
            _ => Ok(()),
        }
    }
}

/// Logs each failed attempt of r2d2 to connect. The waiting caller gets a 503.
#[derive(Debug)]
struct LogPoolError;

impl<E: std::error::Error> r2d2::HandleError<E> for LogPoolError {
    fn handle_error(&self, error: E) {
        tracing::warn!(%error, "no connection to the database");
    }
}
