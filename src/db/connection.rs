//! [`Conn`]: one connection type over both databases, and the r2d2 manager that opens it.

use super::DatabaseUrl;
use crate::clock::Clock;
use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;
use std::time::Duration;

/// A connection to whichever database the configuration names.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL, for more than one node.
    Postgres(PgConnection),
    /// Embedded SQLite.
    Sqlite(SqliteConnection),
}

/// The same expression, compiled once for each backend, on the native connection: for the statements that
/// diesel's multi-backend refuses (`ON CONFLICT`, several rows in one INSERT).
macro_rules! each {
    ($conn:expr, |$native:ident| $body:expr) => {
        match $conn {
            $crate::db::Conn::Postgres($native) => $body,
            $crate::db::Conn::Sqlite($native) => $body,
        }
    };
}
pub(crate) use each;

impl Conn {
    /// A transaction that will write.
    ///
    /// On SQLite it is `BEGIN IMMEDIATE`: a plain one that reads first and then writes is refused as soon as another
    /// connection wrote in between, and no busy timeout helps. On PostgreSQL it is READ COMMITTED, so whoever reads
    /// before writing locks the row ([`super::ForUpdate`]).
    pub fn write<T, E>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        let Self::Sqlite(sqlite) = self else { return self.transaction(body) };
        match AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE") {
            Err(Error::AlreadyInTransaction) => return self.transaction(body),
            other => other?,
        }
        match body(self) {
            Ok(value) => {
                <Self as Connection>::TransactionManager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // SQLite has ended the transaction itself after some errors, such as a full disk: then there is nothing
                // to roll back. What went wrong first is what the caller hears; the pool drops a connection that is stuck.
                if let Err(rollback) = <Self as Connection>::TransactionManager::rollback_transaction(self) {
                    tracing::debug!(%rollback, "nothing was rolled back");
                }
                Err(error)
            }
        }
    }
}

/// Opens connections for the pool; made instead of diesel's own because that one picks the backend by trial.
pub struct Manager {
    url: DatabaseUrl,
    clock: Clock,
    prepares: bool,
}

/// How long a connection that was asked whether it still works is taken at its word.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection in the pool, and until when it need not be asked whether it still works.
pub struct Checked {
    pub(super) conn: Conn,
    trusted_until: Duration,
}

impl Checked {
    /// Something went wrong on it, so it is asked before its next use.
    pub(super) fn distrust(&mut self) {
        self.trusted_until = Duration::ZERO;
    }
}

impl Manager {
    /// A manager that opens `url`.
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, clock: Clock::system(), prepares: true }
    }

    /// One whose connections leave no prepared statements behind on PostgreSQL: a connection pooler that hands sessions
    /// from client to client would mix them up. Costs PostgreSQL the parsing and planning of each statement.
    #[must_use]
    pub fn without_prepared_statements(self) -> Self {
        Self { prepares: false, ..self }
    }

    /// Opens one connection and sets it up.
    pub fn open(&self) -> Result<Conn, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match &self.url {
            DatabaseUrl::Postgres(url) => {
                let mut postgres = PgConnection::establish(url).map_err(ConnectionError)?;
                // Bounds on waiting: a request must end in an answer, not in a queue behind somebody's lock.
                postgres
                    .batch_execute("SET lock_timeout = '5s'; SET statement_timeout = '20s'; SET TIME ZONE 'UTC'")
                    .map_err(QueryError)?;
                if !self.prepares {
                    postgres.set_prepared_statement_cache_size(CacheSize::Disabled);
                }
                Ok(Conn::Postgres(postgres))
            }
            DatabaseUrl::Sqlite(path) => {
                let mut sqlite = SqliteConnection::establish(path).map_err(ConnectionError)?;
                sqlite
                    .batch_execute(
                        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
                    )
                    .map_err(QueryError)?;
                Ok(Conn::Sqlite(sqlite))
            }
        }
    }
}

impl diesel::r2d2::ManageConnection for Manager {
    type Connection = Checked;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Checked, Self::Error> {
        Ok(Checked { conn: self.open()?, trusted_until: self.clock.monotonic() + TRUSTED_FOR })
    }

    /// Asked at each check-out. A busy connection answers without a statement: if it has broken since, the one request
    /// that finds out gets a 503.
    fn is_valid(&self, checked: &mut Checked) -> Result<(), Self::Error> {
        let now = self.clock.monotonic();
        if now >= checked.trusted_until {
            diesel::r2d2::R2D2Connection::ping(&mut checked.conn).map_err(diesel::r2d2::Error::QueryError)?;
            checked.trusted_until = now + TRUSTED_FOR;
        }
        Ok(())
    }

    fn has_broken(&self, checked: &mut Checked) -> bool {
        diesel::r2d2::R2D2Connection::is_broken(&mut checked.conn)
    }
}
