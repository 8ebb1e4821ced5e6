//! [`Manager`]: opens connections for the r2d2 pool.

use super::pooler;
use super::scope::{DatabaseSession, Scope};
use crate::base::ids::NodeId;
use crate::base::sql::{Conn, DatabaseUrl};
use crate::base::time::Clock;
use crate::infra::process::private_file;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// Opens connections for the pool. It replaces diesel's own manager, which picks the backend by trial.
pub struct Manager {
    url: DatabaseUrl,
    clock: Clock,
    prepares: bool,
    /// Whether connections have sessions of their own; empty until the first connection.
    own_sessions: OnceLock<bool>,
}

/// How long a connection counts as working after a check.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection in the pool, the time of its next check, and the scope of its session.
pub struct PooledConn {
    conn: Conn,
    trusted_until: Duration,
    /// The scope that the session is set to; `None` if unknown.
    scope: Option<Scope>,
    /// Whether a session's settings last: not behind a pooler that shares sessions.
    keeps_settings: bool,
}

impl PooledConn {
    /// Marks the connection after an error: the next use checks it, and sets its scope again.
    pub(super) fn distrust(&mut self) {
        self.trusted_until = Duration::ZERO;
        self.scope = None;
    }

    /// Returns the connection for one use by that scope. Cost on PostgreSQL: nothing for the same scope as before, a
    /// round trip for another one.
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
    /// Creates a manager for `url`.
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, clock: Clock::system(), prepares: true, own_sessions: OnceLock::new() }
    }

    /// Disables prepared statements on PostgreSQL: a pooler that shares sessions would mix them up. Cost: PostgreSQL
    /// parses and plans each statement, and a read takes two more round trips ([`super::scope`]).
    #[must_use]
    pub fn without_prepared_statements(self) -> Self {
        Self { prepares: false, ..self }
    }

    /// Opens one connection to an existing database, and sets it up. On PostgreSQL it sees no tenant's rows until a
    /// [`Scope`] is set.
    pub fn open(&self) -> Result<Conn, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match &self.url {
            DatabaseUrl::Postgres(url) => {
                let mut postgres = PgConnection::establish(url).map_err(ConnectionError)?;
                // Bounded waits: a request must end in an answer, not in a queue behind another transaction's lock.
                postgres
                    .batch_execute("SET lock_timeout = '5s'; SET statement_timeout = '20s'; SET TIME ZONE 'UTC'")
                    .map_err(QueryError)?;
                if !self.prepares {
                    postgres.set_prepared_statement_cache_size(CacheSize::Disabled);
                }
                Ok(Conn::Postgres(postgres))
            }
            DatabaseUrl::Sqlite(path) => {
                protect_files(path).map_err(|error| ConnectionError(diesel::ConnectionError::BadConnection(error)))?;
                let mut sqlite = SqliteConnection::establish(path).map_err(ConnectionError)?;
                // The system caches pages too, for all connections together: 512 KiB each instead of 2 MiB.
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

/// Makes a session of the pool refuse writes outside of writing transactions.
pub(super) fn refuse_writes(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Postgres(postgres) => postgres.batch_execute("SET default_transaction_read_only = on"),
        Conn::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA query_only = ON"),
    }
}

/// Makes SQLite's files readable by their owner only: the database contains password hashes. SQLite gives a new WAL and
/// its index the mode of the database.
///
/// # Errors
/// A text for the operator, which names the file. A missing database: SQLite would make an empty one, and only a
/// migration may.
fn protect_files(path: &str) -> Result<(), String> {
    if !Path::new(path).exists() {
        return Err(format!("{path}: there is no such file"));
    }
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = format!("{path}{suffix}");
        private_file::tighten(Path::new(&file)).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

impl Manager {
    /// Opens a connection, and returns whether its session is its own. The first call detects it, at the cost of a
    /// round trip, or of one more connection if a pooler refuses the name.
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
        let (mut conn, keeps_settings) = self.open_for_pool()?;
        if keeps_settings || matches!(conn, Conn::Sqlite(_)) {
            refuse_writes(&mut conn).map_err(diesel::r2d2::Error::QueryError)?;
        }
        Ok(PooledConn { conn, trusted_until, scope: None, keeps_settings })
    }

    /// Runs at each check-out. A recently checked connection passes without a statement: if it has broken since, the
    /// one request that finds out gets a 503.
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

    /// Cargo alone reads `.cargo/config.toml`, and only inside this folder.
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
