//! [`Conn`]: one connection type over both databases.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;

/// A connection to PostgreSQL or SQLite.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL, for more than one node.
    Postgres(PgConnection),
    /// Embedded SQLite.
    Sqlite(SqliteConnection),
}

/// Evaluates an expression on the native connection, compiled once for each backend: for statements that diesel's
/// multi-backend refuses (`ON CONFLICT`, several rows in one INSERT).
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
    /// Runs a transaction that will write.
    ///
    /// On SQLite it is `BEGIN IMMEDIATE`: SQLite refuses a plain transaction that reads first and then writes if
    /// another connection wrote in between, and no busy timeout helps. On PostgreSQL it is READ COMMITTED, so a caller
    /// that reads before it writes locks the row ([`crate::base::sql::ForUpdate`]).
    pub fn write<T, E>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        match self {
            Self::Sqlite(_) => self.transaction_by("BEGIN IMMEDIATE", body),
            Self::Postgres(_) => self.transaction(body),
        }
    }

    /// Runs a transaction that begins with the statements `begin`, in one round trip. Inside another transaction it
    /// makes a savepoint, without these statements.
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
            // The first of its statements may have begun a transaction before another one failed.
            Err(error) => {
                if let Err(rollback) = each!(&mut *self, |native| native.batch_execute("ROLLBACK")) {
                    tracing::debug!(%rollback, "nothing was rolled back");
                }
                return Err(error.into());
            }
            Ok(()) => {}
        }
        match body(self) {
            Ok(value) => {
                <Self as Connection>::TransactionManager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // SQLite ends the transaction itself after some errors, such as a full disk: then there is nothing to
                // roll back. The caller gets the first error, and the pool drops a stuck connection.
                if let Err(rollback) = <Self as Connection>::TransactionManager::rollback_transaction(self) {
                    tracing::debug!(%rollback, "nothing was rolled back");
                }
                Err(error)
            }
        }
    }
}
