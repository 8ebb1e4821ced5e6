//! The contents of a whole database, for tests of "a refusal changes nothing".

use super::database::TestDatabase;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use keyward::base::sql::Conn;
use std::collections::BTreeMap;

/// When a key was last used is written in the background, after requests that changed nothing; so are sign-ins,
/// which move an audit trail on. What else is in the trail is dumped.
const WRITTEN_ANY_TIME: [(&str, &str); 4] = [
    ("api_keys", "last_used_at"),
    ("service_tokens", "last_used_at"),
    ("audit_events", "sequence"),
    ("audit_events", "hash"),
];

/// Each table's rows as text, sorted.
pub fn dump(database: &TestDatabase) -> BTreeMap<String, String> {
    match &mut database.connect() {
        Conn::Postgres(conn) => dump_postgres(conn),
        Conn::Sqlite(conn) => dump_sqlite(conn),
    }
    .unwrap_or_else(|error| panic!("the database can't be dumped: {error}"))
}

/// Fails, naming the tables, unless the database is what it was.
#[track_caller]
pub fn assert_unchanged(before: &BTreeMap<String, String>, database: &TestDatabase) {
    let after = dump(database);
    let changed: Vec<String> = before
        .iter()
        .filter(|(table, rows)| after.get(*table) != Some(rows))
        .map(|(table, rows)| format!("{table}\n  before: {rows}\n  after:  {}", after[table]))
        .collect();
    assert!(changed.is_empty(), "changed: {}", changed.join("\n"));
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn dump_postgres(conn: &mut PgConnection) -> QueryResult<BTreeMap<String, String>> {
    let tables = lines(conn, "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'")?;
    let dump_table = |table: String| {
        let kept =
            columns_to_leave_out(&table).fold("to_jsonb(t)".to_owned(), |row, column| format!("{row} - '{column}'"));
        let which = rows_to_keep(&table);
        let rows = lines(conn, &format!("SELECT ({kept})::text AS line FROM \"{table}\" t {which} ORDER BY 1"))?;
        Ok((table, rows.join("\n")))
    };
    tables.into_iter().filter(|table| is_ours(table)).map(dump_table).collect()
}

fn dump_sqlite(conn: &mut SqliteConnection) -> QueryResult<BTreeMap<String, String>> {
    let tables =
        lines(conn, "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let dump_table = |table: String| {
        let columns = lines(conn, &format!("SELECT name AS line FROM pragma_table_info('{table}')"))?;
        let shown: Vec<String> = columns
            .into_iter()
            .filter(|column| columns_to_leave_out(&table).all(|left_out| left_out != column))
            .map(|column| format!("quote(\"{column}\")"))
            .collect();
        let row = shown.join(" || ', ' || ");
        let which = rows_to_keep(&table);
        let rows = lines(conn, &format!("SELECT {row} AS line FROM \"{table}\" {which} ORDER BY 1"))?;
        Ok((table, rows.join("\n")))
    };
    tables.into_iter().filter(|table| is_ours(table)).map(dump_table).collect()
}

/// The result of a query with one text column, called `line`.
fn lines<C>(conn: &mut C, query: &str) -> QueryResult<Vec<String>>
where
    C: Connection,
    diesel::query_builder::SqlQuery: for<'q> diesel::query_dsl::LoadQuery<'q, C, Line>,
{
    Ok(diesel::sql_query(query).load::<Line>(conn)?.into_iter().map(|row| row.line).collect())
}

/// Nodes write their own rows, and counts of requests, whatever those do; the ends of the audit trails move on with sign-ins, too.
fn is_ours(table: &str) -> bool {
    !["__diesel_schema_migrations", "cluster_nodes", "audit_heads", "api_key_usage"].contains(&table)
}

fn rows_to_keep(table: &str) -> &'static str {
    if table == "audit_events" { "WHERE action NOT IN ('user.sign_in_failed', 'user.signed_in')" } else { "" }
}

fn columns_to_leave_out(table: &str) -> impl Iterator<Item = &'static str> {
    WRITTEN_ANY_TIME.into_iter().filter(move |(owner, _)| *owner == table).map(|(_, column)| column)
}
