//! [`Scope`]: whose rows a use of the database sees; the second wall between tenants.
//!
//! The first wall are the queries: each names its organization, which it has from a guard. Behind it stands PostgreSQL's
//! row-level security (`migrations-postgres/…_row_level_security`): a session sees and writes only the rows of the
//! organization that it has set, so a query that forgot its condition finds nothing of anybody else's. SQLite has nothing
//! like it: there a scope changes nothing, and costs nothing.
//!
//! # How a session knows
//! [`Db`](super::Db) alone has no queries: whoever wants some says whose rows they are about, by `of` an organization or
//! `for_all_tenants`. A pooled connection remembers what its session was last told, so the same organization again costs
//! nothing, and another one a round trip. It is told outside of transactions: a rollback would take it back. A
//! connection on which something failed is told again.
//!
//! Behind a pooler that hands sessions around (seen at the first connection, or said by `database.prepared_statements =
//! false`), a session's setting would be another client's. There each use is a transaction that begins with the setting, sent together with its `BEGIN`; a
//! read costs the two round trips of a transaction more.
//!
//! # Why a handler can't forget it
//! A guard tells the request's context which organization it let the request into. From then on, a use for any other
//! scope is refused (500, and logged), in production and in each test of the suite. [`Store::scoped_to`](crate::api::Store::scoped_to)
//! takes a guard, never a bare id.

use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;
use diesel::prelude::*;
use diesel::result::Error;
use std::fmt;

/// Whose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one organization.
    Organization(OrganizationId),
    /// Everybody's: credentials that are looked up, people's own organizations, the operator, work in the background.
    AllTenants,
}

impl Scope {
    /// Sets it for the session, until it is set again.
    pub fn for_session(self) -> String {
        format!("SET keyward.organization = '{}'", self)
    }

    /// Sets it for the transaction that has begun.
    pub fn for_transaction(self) -> String {
        format!("SET LOCAL keyward.organization = '{}'", self)
    }
}

/// As the policies compare it. Letters, digits, `_` and `*`, so it stands in the SQL as it is.
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
    /// What each transaction must set, where the session itself can't be told.
    pub(super) in_each_transaction: Option<Scope>,
}

impl DatabaseSession<'_> {
    /// Runs queries.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn read<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let Some(scope) = self.in_each_transaction else { return body(self.conn) };
        // It ends with a commit whatever `body` answers, as its statements would by themselves.
        let begin = format!("BEGIN; {}", scope.for_transaction());
        self.conn.transaction_by(&begin, |conn| Ok::<_, Error>(body(conn)))?
    }

    /// Runs one writing transaction ([`Conn::write`]).
    ///
    /// # Errors
    /// Those of `body`, and of the database; any error rolls back.
    pub fn write<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        match self.in_each_transaction {
            None => self.conn.write(body),
            Some(scope) => self.conn.transaction_by(&format!("BEGIN; {}", scope.for_transaction()), body),
        }
    }

    /// Runs queries that all see the database as it is at the first of them. Writers neither wait nor disturb.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn snapshot<T>(&mut self, body: impl FnOnce(&mut Conn) -> Result<T, ApiError>) -> Result<T, ApiError> {
        if matches!(self.conn, Conn::Sqlite(_)) {
            return self.conn.transaction(body);
        }
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        match self.in_each_transaction {
            None => self.conn.transaction_by(begin, body),
            Some(scope) => self.conn.transaction_by(&format!("{begin}; {}", scope.for_transaction()), body),
        }
    }
}

#[derive(QueryableByName)]
struct Wall {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    stands: bool,
}

/// Whether the second wall stands for this connection: not on SQLite, and not for a role that PostgreSQL lets past it.
///
/// # Errors
/// Those of the database.
pub fn row_level_security_is_active(conn: &mut Conn) -> Result<bool, ApiError> {
    let Conn::Postgres(postgres) = conn else { return Ok(false) };
    let wall: Wall = diesel::sql_query("SELECT row_security_active('organizations') AS stands").get_result(postgres)?;
    Ok(wall.stands)
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
        let url = format!("sqlite://{}", directory.path().join("keyward.db").display());
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
