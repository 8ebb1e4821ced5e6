//! Transactions. Only this floor opens one that may write: a pooled connection refuses writes outside of it.

use crate::base::sql::{Conn, each};
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::result::Error;

/// Runs a transaction that may write.
///
/// On SQLite it is `BEGIN IMMEDIATE`: SQLite refuses a plain transaction that reads first and then writes if another
/// connection wrote in between, and no busy timeout helps. On PostgreSQL it is READ COMMITTED, so a caller that reads
/// before it writes locks the row ([`crate::base::sql::ForUpdate`]).
pub(super) fn write<T, E: From<Error>>(conn: &mut Conn, body: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    let begin = if matches!(conn, Conn::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN READ WRITE" };
    begin_by(conn, begin, body)
}

/// Runs a transaction that begins with the statements `begin`, in one round trip.
pub(super) fn begin_by<T, E: From<Error>>(
    conn: &mut Conn,
    begin: &str,
    body: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    if let Err(error) = each!(&mut *conn, |native| AnsiTransactionManager::begin_transaction_sql(native, begin)) {
        // The first of its statements may have begun a transaction before another one failed.
        if let Err(rollback) = each!(&mut *conn, |native| native.batch_execute("ROLLBACK")) {
            tracing::debug!(%rollback, "nothing was rolled back");
        }
        return Err(error.into());
    }
    match body(conn) {
        Ok(value) => {
            <Conn as Connection>::TransactionManager::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => {
            // SQLite ends the transaction itself after some errors, such as a full disk: then there is nothing to roll
            // back. The caller gets the first error, and the pool drops a stuck connection.
            if let Err(rollback) = <Conn as Connection>::TransactionManager::rollback_transaction(conn) {
                tracing::debug!(%rollback, "nothing was rolled back");
            }
            Err(error)
        }
    }
}
