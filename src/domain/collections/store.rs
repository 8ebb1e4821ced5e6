//! Prepares the database for the configured collections, at the start and before the first request.
//!
//! Each field for filters or orders has a partial index over its key, with only the documents of its collection. The
//! name of an index is a hash of its definition, so that fitting indexes stay, and indexes of undeclared fields are
//! dropped.

use super::collection::{Collection, Collections};
use super::key::Dialect;
use crate::base::error::ApiError;
use crate::base::sql::schema::{collections, documents};
use crate::base::sql::{Conn, each};
use data_encoding::HEXLOWER;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const INDEX_PREFIX: &str = "documents_by_";

impl From<&mut Conn> for Dialect {
    fn from(conn: &mut Conn) -> Self {
        match conn {
            Conn::Postgres(_) => Self::Postgres,
            Conn::Sqlite(_) => Self::Sqlite,
        }
    }
}

/// Records the collections, makes missing indexes and drops the others. Runs in one transaction. Nodes that start at
/// the same time run it one after another.
///
/// # Errors
/// A text for the operator: a collection with documents is not configured any more, or has another parent now.
pub fn prepare(conn: &mut Conn, declared: &Collections) -> Result<Result<(), String>, ApiError> {
    if let Conn::Postgres(postgres) = conn {
        // An index over many documents takes longer than a request may, and another node may be making it.
        postgres.batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7238917401)",
        )?;
    }
    for (name, parent) in collections::table.order(collections::name).load::<(String, Option<String>)>(conn)? {
        let now = declared.iter().find(|collection| collection.name == name);
        if now.is_some_and(|now| now.parent == parent) || !has_documents(conn, &name)? {
            continue;
        }
        let was =
            parent.as_ref().map_or_else(String::new, |parent| format!(", each of which belongs to one of {parent}"));
        return Ok(Err(match now {
            None => format!(
                "collections.{name}: the database has documents of this collection, but it is not configured. Configure \
                 it again, or delete them for good: keyward collection delete {name}"
            ),
            Some(_) => format!(
                "collections.{name}.path: the database has documents of this collection{was}. The path must say so too, or \
                 not: give the collection another name, or delete them for good: keyward collection delete {name}"
            ),
        }));
    }
    for collection in declared.iter() {
        record(conn, collection)?;
    }
    arrange_indexes(conn, declared)?;
    Ok(Ok(()))
}

fn has_documents(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    let any = documents::table.filter(documents::collection.eq(name)).select(documents::id).limit(1);
    Ok(any.first::<String>(conn).optional()?.is_some())
}

fn record(conn: &mut Conn, collection: &Collection) -> QueryResult<()> {
    let row = (collections::name.eq(&collection.name), collections::parent.eq(&collection.parent));
    each!(conn, |native| {
        diesel::insert_into(collections::table)
            .values(row)
            .on_conflict(collections::name)
            .do_update()
            .set(collections::parent.eq(&collection.parent))
            .execute(native)
    })?;
    Ok(())
}

#[derive(QueryableByName)]
struct IndexName {
    #[diesel(sql_type = Text)]
    name: String,
}

fn arrange_indexes(conn: &mut Conn, declared: &Collections) -> QueryResult<()> {
    let dialect = Dialect::from(&mut *conn);
    let wanted: BTreeMap<String, String> = declared
        .iter()
        .flat_map(|collection| collection.indexed().into_iter().map(move |field| (collection, field)))
        .map(|(collection, field)| {
            let owner = if collection.parent.is_some() { "parent_id" } else { "workspace_id" };
            let what = format!(
                "ON documents ({owner}, ({}), id) WHERE collection = '{}'",
                field.key(dialect),
                collection.name
            );
            let digest = Sha256::digest(&what);
            let name = format!("{INDEX_PREFIX}{}", HEXLOWER.encode(&digest[..8]));
            (name, what)
        })
        .collect();
    let listed = match dialect {
        Dialect::Postgres => {
            "SELECT indexname::text AS name FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'documents'"
        }
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'documents'",
    };
    let present: Vec<IndexName> = diesel::sql_query(listed).load(conn)?;
    let present: Vec<String> =
        present.into_iter().map(|index| index.name).filter(|name| name.starts_with(INDEX_PREFIX)).collect();
    for name in present.iter().filter(|name| !wanted.contains_key(*name)) {
        conn.batch_execute(&format!("DROP INDEX {name}"))?;
    }
    for (name, what) in wanted.iter().filter(|(name, _)| !present.contains(name)) {
        tracing::info!(name, what, "making an index for a collection");
        conn.batch_execute(&format!("CREATE INDEX {name} {what}"))?;
    }
    Ok(())
}

/// Returns all collections that were ever configured, with their numbers of documents.
///
/// # Errors
/// Those of the database.
pub fn kept(conn: &mut Conn) -> Result<Vec<(String, i64)>, ApiError> {
    let names: Vec<String> = collections::table.select(collections::name).order(collections::name).load(conn)?;
    let count = |name: String| {
        let count = documents::table.filter(documents::collection.eq(&name)).count().get_result(conn)?;
        Ok((name, count))
    };
    names.into_iter().map(count).collect()
}

/// Deletes a collection, and all of its documents of all tenants with their child documents. Returns the number of the
/// collection's documents.
///
/// # Errors
/// `not_found` for a collection that was never configured.
pub fn forget(conn: &mut Conn, name: &str) -> Result<usize, ApiError> {
    let deleted = diesel::delete(documents::table.filter(documents::collection.eq(name))).execute(conn)?;
    match diesel::delete(collections::table.find(name)).execute(conn)? {
        0 => Err(ApiError::not_found()),
        _ => Ok(deleted),
    }
}
