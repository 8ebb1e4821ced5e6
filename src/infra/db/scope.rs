//! [`Scope`]: the tenant whose rows a session sees, by row-level security.
//!
//! Two mechanisms separate tenants. Each query names its organization, which it has from a guard. In addition,
//! PostgreSQL's row-level security (`migrations/postgres/…_row_level_security`) limits a session to the rows of the
//! organization that it has set, so a query without its condition finds no other tenant's rows. SQLite has no such
//! security: there a scope changes nothing, and costs nothing.
//!
//! # How a scope is set
//! [`Db`](super::Db) alone runs no queries: `for_organization` or `for_all_tenants` first chooses the scope. A pooled
//! connection remembers the scope of its session, so the same organization again costs nothing, and another one a round
//! trip. The scope is set outside of transactions, since a rollback would undo it. After an error on a connection, it
//! is set again.
//!
//! Behind a pooler that shares sessions (detected at the first connection, or configured by
//! `database.prepared_statements = false`), a session's setting would be another client's. There each use is a
//! transaction that begins with the setting, sent together with its `BEGIN`; a read costs two more round trips, those
//! of the transaction.
//!
//! # Why a read can't write
//! A pooled session refuses writes: `default_transaction_read_only` on PostgreSQL, `query_only` on SQLite. Only the
//! transactions of [`DatabaseSession`] that write lift this, with their `BEGIN`, and nothing outside this room can open
//! one. So a write needs `Store::write` or `change_access`, which read the caller's authority again. A read costs no
//! statement for it; a write on SQLite costs two pragmas, which touch no file. A pooler's sessions are shared, so there
//! a read's transaction says `READ ONLY` itself.
//!
//! # Why a handler can't forget it
//! A guard sets the organization in the request's context. From then on, any other scope is refused (500, and logged),
//! in production and in each test of the suite. `Store::scoped_to` takes a guard, never a bare id.

use super::{connection, transaction};
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;
use diesel::prelude::*;
use diesel::result::Error;
use std::fmt;

/// The rows that a session sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one organization.
    Organization(OrganizationId),
    /// All rows: for lookups of credentials, a user's own organizations, the operator, and background work.
    AllTenants,
}

impl Scope {
    /// Returns the statement that sets the scope of the session.
    pub fn for_session(self) -> String {
        format!("SET keyward.organization = '{}'", self)
    }

    /// Returns the statement that sets the scope of the current transaction.
    pub fn for_transaction(self) -> String {
        format!("SET LOCAL keyward.organization = '{}'", self)
    }
}

/// The value that the policies compare. It has only letters, digits, `_` and `*`, so SQL needs no escapes.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => id.fmt(f),
            Self::AllTenants => f.write_str("*"),
        }
    }
}

/// A connection that sees the rows of one scope, for one use.
pub struct DatabaseSession<'c> {
    pub(super) conn: &'c mut Conn,
    /// The scope that each transaction must set, if the session can't keep it.
    pub(super) in_each_transaction: Option<Scope>,
}

impl DatabaseSession<'_> {
    /// Runs queries. The database refuses writes.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn read<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let Some(scope) = self.in_each_transaction else { return body(self.conn) };
        // Commits whatever `body` returns, as single statements would.
        let begin = format!("BEGIN READ ONLY; {}", scope.for_transaction());
        transaction::begin_by(self.conn, &begin, |conn| Ok::<_, Error>(body(conn)))?
    }

    /// Runs one writing transaction, READ COMMITTED on PostgreSQL.
    ///
    /// # Errors
    /// Those of `body`, and of the database; any error rolls back.
    pub fn write<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        self.write_holding("", body)
    }

    /// [`DatabaseSession::write`] that first takes locks: SQL statements without results, sent together with `BEGIN`.
    /// SQLite needs none, since a writing transaction has the whole database for itself.
    ///
    /// # Errors
    /// As [`DatabaseSession::write`].
    pub fn write_holding<T>(
        &mut self,
        locks: &str,
        body: impl FnOnce(&mut Conn) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if matches!(self.conn, Conn::Sqlite(_)) {
            let outcome = transaction::begin_by(self.conn, "PRAGMA query_only = OFF; BEGIN IMMEDIATE", body);
            if let Err(error) = connection::refuse_writes(self.conn) {
                tracing::error!(%error, "a connection to SQLite still takes writes");
            }
            return outcome;
        }
        let mut begin = "BEGIN READ WRITE".to_owned();
        for statement in [&self.in_each_transaction.map_or_else(String::new, Scope::for_transaction), locks] {
            if !statement.is_empty() {
                begin.push_str("; ");
                begin.push_str(statement);
            }
        }
        transaction::begin_by(self.conn, &begin, body)
    }

    /// Runs queries that all see the database as of the first query. Writers neither wait nor disturb.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn snapshot<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        if matches!(self.conn, Conn::Sqlite(_)) {
            return transaction::begin_by(self.conn, "BEGIN", body);
        }
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        match self.in_each_transaction {
            None => transaction::begin_by(self.conn, begin, body),
            Some(scope) => transaction::begin_by(self.conn, &format!("{begin}; {}", scope.for_transaction()), body),
        }
    }
}

#[derive(QueryableByName)]
struct RowSecurity {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    active: bool,
}

/// Returns whether row-level security applies to this connection: not on SQLite, and not for a role that bypasses it.
///
/// # Errors
/// Those of the database.
pub fn row_level_security_is_active(conn: &mut Conn) -> Result<bool, ApiError> {
    let Conn::Postgres(postgres) = conn else { return Ok(false) };
    let row_security: RowSecurity =
        diesel::sql_query("SELECT row_security_active('organizations') AS active").get_result(postgres)?;
    Ok(row_security.active)
}

#[cfg(test)]
mod tests {
    use crate::base::config::{Sources, load};
    use crate::base::error::Code;
    use crate::base::ids::OrganizationId;
    use crate::infra::db::{Db, ScopedDb};
    use crate::infra::request::RequestContext;
    use crate::infra::request::RequestId;
    use actix_web::test::TestRequest;

    #[actix_web::test]
    async fn a_request_that_was_let_into_an_organization_is_refused_all_other_rows() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keyward.db");
        std::fs::write(&file, "").unwrap();
        let url = format!("sqlite://{}", file.display());
        let config = load(&Sources { database_url: Some(url), ..Sources::default() }).unwrap();
        let (db, own) = (Db::new(&config.database), OrganizationId::new());
        let asked = async |db: ScopedDb| db.read(|_| Ok(())).await.map_err(|error| error.code);
        let req = TestRequest::default().to_srv_request();
        let request = RequestContext::new(RequestId::random(), None, &req).scope(async {
            assert_eq!(asked(db.for_all_tenants()).await, Ok(()), "nobody has let it in yet");
            RequestContext::set_organization(own);
            assert_eq!(asked(db.for_organization(own)).await, Ok(()));
            assert_eq!(asked(db.for_organization(OrganizationId::new())).await, Err(Code::Internal));
            assert_eq!(asked(db.for_all_tenants()).await, Err(Code::Internal));
        });
        request.await;
        assert_eq!(asked(db.for_all_tenants()).await, Ok(()), "the next request begins anew");
    }
}
