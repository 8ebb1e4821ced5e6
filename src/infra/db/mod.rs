//! The only room that knows two databases.
//!
//! [`Db`] is what handlers hold. Of it they get a [`ScopedDb`], which sees one organization's rows ([`scope`]): its `read` and
//! `write` move a closure to a blocking thread, give it a pooled [`Conn`] and bring the result back; `write` wraps it in
//! one transaction. [`Timestamp`] and `text_enum!` are the types that both
//! backends read and write; [`ForUpdate`], [`rows_of_parameters`] and `each!` cover what diesel's multi-backend lacks.

mod backup;
pub(crate) mod connection;
mod migrations;
pub mod pooler;
pub mod scope;

pub use backup::back_up;
pub use connection::Manager;
pub use migrations::{migrate, prepare};
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

/// The pool, as handlers use it. Cloning is cheap.
#[derive(Clone)]
pub struct Db {
    pool: r2d2::Pool<Manager>,
    waits: Arc<Waits>,
    /// What OpenTelemetry calls it.
    system: &'static str,
}

/// How it is to wait for a connection.
#[derive(Default)]
struct Waits {
    now: AtomicU64,
    in_vain: AtomicU64,
}

impl Db {
    /// A pool as configured. Opens no connection yet: a database that is down shows as 503, not as a crash.
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

    /// The rows of one organization, of which the caller knows by a guard or as the operator. Handlers have
    /// [`Store::scoped_to`](crate::api::Store::scoped_to).
    #[must_use]
    pub fn for_organization(&self, organization: OrganizationId) -> ScopedDb {
        ScopedDb { db: self.clone(), scope: Scope::Organization(organization) }
    }

    /// The rows of all tenants, and those that belong to none. Without the second wall, so for nothing that one
    /// organization is enough for.
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedDb {
        ScopedDb { db: self.clone(), scope: Scope::AllTenants }
    }

    /// A free connection. Blocks, for `database.pool_timeout` at most.
    fn connection(&self) -> Result<r2d2::PooledConnection<Manager>, ApiError> {
        self.waits.now.fetch_add(1, Relaxed);
        let found = self.pool.get();
        self.waits.now.fetch_sub(1, Relaxed);
        found.map_err(|error| {
            self.waits.in_vain.fetch_add(1, Relaxed);
            ApiError::unavailable_because(error)
        })
    }

    /// Registers what the pool is doing.
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

/// The pool, for the rows of one scope. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ScopedDb {
    db: Db,
    scope: Scope,
}

impl ScopedDb {
    /// Runs queries on a blocking thread.
    ///
    /// # Errors
    /// `unavailable` (503) when no connection was free in time, besides what `body` answers.
    pub async fn read<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.session(|session| session.read(body)).await
    }

    /// Runs `body` in one writing transaction on a blocking thread: all of it happens, or nothing.
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

    /// Lends one connection to a blocking thread: for what has to go on after its transaction.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub async fn session<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut DatabaseSession<'_>) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.ensure_is_the_requests()?;
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

    /// A request that a guard let into one organization asks for that one's rows, or there is a mistake in its handler.
    fn ensure_is_the_requests(&self) -> Result<(), ApiError> {
        match RequestContext::organization() {
            Some(own) if self.scope != Scope::Organization(own) => {
                let asked = self.scope;
                Err(ApiError::internal(format!("a request that was let into {own} asks for the rows of {asked}")))
            }
            _ => Ok(()),
        }
    }
}

/// r2d2 reports a failed connection here each time it tries again; the caller meanwhile gets a 503.
#[derive(Debug)]
struct LogPoolError;

impl<E: std::error::Error> r2d2::HandleError<E> for LogPoolError {
    fn handle_error(&self, error: E) {
        tracing::warn!(%error, "no connection to the database");
    }
}
