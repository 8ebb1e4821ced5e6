//! [`Manager`]: opens connections for the r2d2 pool.

use super::pooler;
use super::scope::{DatabaseSession, Scope};
use crate::base::ids::NodeId;
use crate::base::sql::{Conn, DatabaseUrl};
use crate::base::time::Clock;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use std::sync::OnceLock;
use std::time::Duration;

/// Opens connections for the pool; made instead of diesel's own because that one picks the backend by trial.
pub struct Manager {
    url: DatabaseUrl,
    clock: Clock,
    prepares: bool,
    /// Whether its connections have sessions of their own, once that is known.
    own_sessions: OnceLock<bool>,
}

/// How long a connection that was asked whether it still works is taken at its word.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection in the pool, until when it need not be asked whether it still works, and what its session was told.
pub struct PooledConn {
    conn: Conn,
    trusted_until: Duration,
    /// Whose rows the session sees; `None` when that is not known.
    scope: Option<Scope>,
    /// Whether what a session is told holds until it is told otherwise: not behind a pooler that hands sessions around.
    keeps_settings: bool,
}

impl PooledConn {
    /// Something went wrong on it, so it is asked and told before its next use.
    pub(super) fn distrust(&mut self) {
        self.trusted_until = Duration::ZERO;
        self.scope = None;
    }

    /// The connection, for one use by that scope. Cost on PostgreSQL: nothing for the scope of the use before it, a round trip
    /// for another one.
    pub(super) fn session(&mut self, scope: Scope) -> QueryResult<DatabaseSession<'_>> {
        let mut in_each_transaction = None;
        if let Conn::Postgres(postgres) = &mut self.conn {
            if !self.keeps_settings {
                in_each_transaction = Some(scope);
            } else if self.scope != Some(scope) {
                self.scope = None;
                postgres.batch_execute(&scope.for_session())?;
                self.scope = Some(scope);
            }
        }
        Ok(DatabaseSession { conn: &mut self.conn, in_each_transaction })
    }
}

impl Manager {
    /// A manager that opens `url`.
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, clock: Clock::system(), prepares: true, own_sessions: OnceLock::new() }
    }

    /// One whose connections leave no prepared statements behind on PostgreSQL: a connection pooler that hands sessions
    /// from client to client would mix them up. Costs PostgreSQL the parsing and planning of each statement, and a read two
    /// round trips more ([`super::scope`]).
    #[must_use]
    pub fn without_prepared_statements(self) -> Self {
        Self { prepares: false, ..self }
    }

    /// Opens one connection and sets it up. On PostgreSQL it sees no tenant's rows until it is told whose ([`Scope`]).
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
                // Pages are kept by the system, too, for all connections together: 512 KiB each instead of 2 MiB.
                sqlite
                    .batch_execute(
                        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;",
                    )
                    .map_err(QueryError)?;
                Ok(Conn::Sqlite(sqlite))
            }
        }
    }
}

impl Manager {
    /// A connection, and whether its session is its own. The first one finds out, at the cost of a round trip, or of a
    /// connection more where a pooler refuses to tell.
    fn open_for_pool(&self) -> Result<(Conn, bool), diesel::r2d2::Error> {
        if !self.prepares {
            return Ok((self.open()?, false));
        }
        if let Some(own) = self.own_sessions.get() {
            return Ok((self.open()?, *own));
        }
        let name = NodeId::new();
        let named = Self::new(pooler::with_session_name(&self.url, &name.text()));
        let (conn, own) = match named.open() {
            Ok(Conn::Postgres(mut postgres)) => {
                let own = pooler::has_name(&mut postgres, &name.text());
                (Conn::Postgres(postgres), own.map_err(diesel::r2d2::Error::QueryError)?)
            }
            Ok(sqlite @ Conn::Sqlite(_)) => (sqlite, true),
            Err(error) if pooler::refuses_names(&error) => (self.open()?, false),
            Err(error) => return Err(error),
        };
        if !*self.own_sessions.get_or_init(|| own) {
            tracing::info!("the database is behind a pooler: each use of it is a transaction");
        }
        Ok((conn, own))
    }
}

impl diesel::r2d2::ManageConnection for Manager {
    type Connection = PooledConn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<PooledConn, Self::Error> {
        let trusted_until = self.clock.monotonic() + TRUSTED_FOR;
        let (conn, keeps_settings) = self.open_for_pool()?;
        Ok(PooledConn { conn, trusted_until, scope: None, keeps_settings })
    }

    /// Asked at each check-out. A busy connection answers without a statement: if it has broken since, the one request
    /// that finds out gets a 503.
    fn is_valid(&self, checked: &mut PooledConn) -> Result<(), Self::Error> {
        let now = self.clock.monotonic();
        if now >= checked.trusted_until {
            diesel::r2d2::R2D2Connection::ping(&mut checked.conn).map_err(diesel::r2d2::Error::QueryError)?;
            checked.trusted_until = now + TRUSTED_FOR;
        }
        Ok(())
    }

    fn has_broken(&self, checked: &mut PooledConn) -> bool {
        diesel::r2d2::R2D2Connection::is_broken(&mut checked.conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::sql_types::Bool;

    #[derive(QueryableByName)]
    struct Used {
        #[diesel(sql_type = Bool)]
        used: bool,
    }

    /// `.cargo/config.toml` is read by cargo alone, and only inside this folder.
    #[test]
    fn sqlite_is_compiled_as_the_repository_says() {
        let mut sqlite = SqliteConnection::establish(":memory:").unwrap();
        for (option, expected) in [
            ("ENABLE_QPSG", true),
            ("THREADSAFE=2", true),
            ("DEFAULT_MEMSTATUS=0", true),
            ("ENABLE_MEMORY_MANAGEMENT", false),
        ] {
            let query = diesel::sql_query(format!("SELECT sqlite_compileoption_used('{option}') AS used"));
            let Used { used } = query.get_result(&mut sqlite).unwrap();
            assert_eq!(used, expected, "{option}");
        }
    }
}
