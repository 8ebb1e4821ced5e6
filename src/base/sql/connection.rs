//! [`Conn`]: one connection type over both databases.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;

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
            $crate::base::sql::Conn::Postgres($native) => $body,
            $crate::base::sql::Conn::Sqlite($native) => $body,
        }
    };
}
pub(crate) use each;

impl Conn {
    /// A transaction that will write.
    ///
    /// On SQLite it is `BEGIN IMMEDIATE`: a plain one that reads first and then writes is refused as soon as another
    /// connection wrote in between, and no busy timeout helps. On PostgreSQL it is READ COMMITTED, so whoever reads
    /// before writing locks the row ([`crate::base::sql::ForUpdate`]).
    pub fn write<T, E>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        match self {
            Self::Sqlite(_) => self.transaction_by("BEGIN IMMEDIATE", body),
            Self::Postgres(_) => self.transaction(body),
        }
    }

    /// A transaction that begins with these statements, in one round trip; a savepoint inside another one, without them.
    pub(crate) fn transaction_by<T, E>(
        &mut self,
        begin: &str,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<Error>,
    {
        match each!(&mut *self, |native| AnsiTransactionManager::begin_transaction_sql(native, begin)) {
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
