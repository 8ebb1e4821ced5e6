//! What a key costs that every node knows: no statement at all.

use crate::support::database::TestDatabase;
use crate::support::postgres::Postgres;
use crate::support::{Server, Tenant, tests_once};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use keyward::db::Conn;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

tests_once![a_cached_key_costs_no_statement];

#[derive(QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    query: String,
    #[diesel(sql_type = BigInt)]
    calls: i64,
}

/// What a server does by itself, whoever asks: heartbeats, last uses, signing keys, and what pools say around them.
const OWN: [&str; 11] = [
    "cluster_nodes",
    "UPDATE api_keys SET last_used_at",
    "signing_keys",
    "pg_stat_statements",
    "BEGIN",
    "COMMIT",
    "SELECT $1",
    "SELECT 1",
    "SET ",
    "LISTEN",
    "current_setting",
];

async fn a_cached_key_costs_no_statement() {
    let start = || Postgres::private(&["shared_preload_libraries=pg_stat_statements"]);
    let postgres = tokio::task::spawn_blocking(start).await.expect("no panic").expect("a PostgreSQL");
    let database = Arc::new(TestDatabase::elsewhere(postgres.url().to_owned()));
    let server = Server::on(database.clone(), |config| config.cluster.lease = Duration::from_secs(2)).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let mut conn = database.connect();
    conn.batch_execute("CREATE EXTENSION pg_stat_statements").expect("PostgreSQL's contrib modules");
    let ask = async |times| {
        for _ in 0..times {
            server.get("/v1/whoami").bearer(&key).send().await.expect(200);
        }
    };
    // Until the node has its lease.
    let mut statements;
    loop {
        conn.batch_execute("SELECT pg_stat_statements_reset()").expect("reset");
        ask(20).await;
        statements = unexpected(&mut conn);
        if statements.iter().map(|statement| statement.calls).sum::<i64>() < 20 {
            break;
        }
    }
    conn.batch_execute("SELECT pg_stat_statements_reset()").expect("reset");
    ask(1000).await;
    statements = unexpected(&mut conn);
    let shown: Vec<String> = statements.iter().map(|s| format!("{} × {}", s.calls, s.query)).collect();
    assert!(shown.is_empty(), "{shown:#?}");
}

/// The statements since the last reset that are not the server's own.
fn unexpected(conn: &mut Conn) -> Vec<Statement> {
    let Conn::Postgres(conn) = conn else { panic!("not PostgreSQL") };
    let all: Vec<Statement> =
        diesel::sql_query("SELECT query, calls FROM pg_stat_statements").load(conn).expect("the statistics");
    all.into_iter().filter(|statement| OWN.iter().all(|own| !statement.query.contains(own))).collect()
}
