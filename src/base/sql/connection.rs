//! [`Conn`]: one connection type over both databases.

use diesel::pg::PgConnection;
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
