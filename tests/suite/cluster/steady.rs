//! What a key costs that every node knows: no statement at all. And what a list costs it, behind row-level security: one.

use super::node::lift_limits;
use crate::support::database::TestDatabase;
use crate::support::postgres::Postgres;
use crate::support::{Server, Tenant, tests_once};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use keyward::base::sql::Conn;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests_once![a_cached_key_costs_no_statement_and_a_tenants_list_one];

#[derive(Debug, QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    query: String,
    #[diesel(sql_type = BigInt)]
    calls: i64,
}

/// What a server says by itself, whoever asks: heartbeats, last uses and usage, a look at the signing keys, and what pools
/// say.
const OWN: [&str; 20] = [
    // The settings of a new connection.
    "SET statement_timeout",
    "SET lock_timeout",
    "SET TIME ZONE",
    "SET CLIENT_ENCODING",
    "SET default_transaction_read_only",
    "UPDATE \"cluster_nodes\"",
    "SELECT \"cluster_nodes\"",
    "UPDATE api_keys SET last_used_at",
    "INSERT INTO api_key_usage",
    "DELETE FROM api_key_usage",
    "SELECT \"signing_keys\"",
    "SELECT \"sessions\".\"id\" FROM \"sessions\" WHERE ((\"sessions\".\"last_used_at\"",
    "DELETE FROM \"sessions\"",
    "SELECT \"refresh_tokens\".\"hash\"",
    "SELECT pg_stat_statements_reset",
    "BEGIN",
    "COMMIT",
    "SELECT $1",
    "SELECT 1",
    SCOPE,
];
/// Tells a session whose rows it may show: each time that somebody else's are asked for.
const SCOPE: &str = "SET keyward.organization";
/// How often a statement of [`OWN`] may run while a thousand requests are answered.
const MAX_OWN: i64 = 300;

async fn a_cached_key_costs_no_statement_and_a_tenants_list_one() {
    let start = || Postgres::private(&["shared_preload_libraries=pg_stat_statements"]);
    let postgres = tokio::task::spawn_blocking(start).await.expect("no panic").expect("a PostgreSQL");
    let database = Arc::new(TestDatabase::elsewhere(postgres.application_url().to_owned()));
    let server = Server::on(database.clone(), |config| {
        lift_limits(config);
        config.cluster.lease = Duration::from_secs(2);
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    // Others' statements are shown to a superuser only.
    let mut conn = TestDatabase::elsewhere(postgres.url().to_owned()).connect();
    conn.batch_execute("CREATE EXTENSION pg_stat_statements").expect("PostgreSQL's contrib modules");
    let mut ask_for = async |server: &Server, path: &str, times| {
        conn.batch_execute("SELECT pg_stat_statements_reset()").expect("reset");
        for _ in 0..times {
            server.get(path).bearer(&key).send().await.expect(200);
        }
        statements(&mut conn)
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !others(&ask_for(&server, "/v1/whoami", 5).await).is_empty() {
        assert!(Instant::now() < deadline, "the node never had a lease");
    }
    let statements = ask_for(&server, "/v1/whoami", 1000).await;
    assert!(others(&statements).is_empty(), "{:#?}", others(&statements));
    assert!(statements.iter().all(|statement| statement.calls <= MAX_OWN), "{statements:#?}");

    // The list of the same tenant, again and again: the background's work may take the connection in between.
    let statements = ask_for(&server, "/v1/members", 500).await;
    let lists: Vec<i64> = others(&statements).iter().map(|statement| statement.calls).collect();
    assert_eq!(lists, [500], "{statements:#?}");
    let scopes = statements.iter().filter(|statement| statement.query.starts_with(SCOPE));
    assert!(scopes.map(|statement| statement.calls).sum::<i64>() <= 50, "{statements:#?}");

    // And a request that does ask the database is seen.
    let without = server.another(|config| config.cluster.cached_keys = 0).await;
    let statements = ask_for(&without, "/v1/whoami", 20).await;
    let asked: Vec<i64> = others(&statements).iter().map(|statement| statement.calls).collect();
    assert_eq!(asked, [20], "{statements:#?}");
}

/// The statements since the last reset.
fn statements(conn: &mut Conn) -> Vec<Statement> {
    let Conn::Postgres(conn) = conn else { panic!("not PostgreSQL") };
    diesel::sql_query("SELECT query, calls FROM pg_stat_statements").load(conn).expect("the statistics")
}

/// Those that are not the server's own.
fn others(statements: &[Statement]) -> Vec<&Statement> {
    statements.iter().filter(|statement| !OWN.iter().any(|own| statement.query.starts_with(own))).collect()
}
