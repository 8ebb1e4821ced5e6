//! Keys that nobody has used since the server started, each once.

use crate::client::{bearer, each_once, request};
use crate::database::{Database, Kind, Stage};
use crate::generate::{Generator, Population};
use crate::measure::short;
use crate::process::SERVER_CORE;
use crate::report::{Section, at_most};
use crate::settings::Settings;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use keyward::base::sql::Conn;
use std::net::SocketAddr;

/// Requests at a time.
const CONNECTIONS: usize = 8;
const KEYS_EACH: usize = 10;

/// Latency and statements on both databases.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "Cold cache: each key once",
        "`GET /v1/whoami` over 8 connections, a server that has just started. Statements are those that diesel sends: \
         the pool's pings, and what runs in the background meanwhile, count too.",
        &["database", "requests/s", "p50, ms", "p99, ms", "statements per request", "refused"],
    );
    let mut statements = Section::new(
        "Statements of a cold cache",
        "By pg_stat_statements, on PostgreSQL; those with less than one call in a hundred requests are left out.",
        &["statement", "calls per request"],
    );
    for kind in Kind::ALL {
        let database = stage.database(kind);
        let mut conn = database.migrate();
        let organizations = settings.cold_keys / KEYS_EACH;
        let keys = Generator::new(&mut conn).populate(Population { organizations, members: 1, keys: KEYS_EACH });
        let timed = {
            let server = database.serve();
            first_uses(server.address(), &keys)
        };
        // Counted apart, so that counting can't slow it.
        let mut server = database.serve_on(SERVER_CORE, &["--count"]);
        let before = server.statements();
        if kind == Kind::Postgres {
            reset(&database);
        }
        first_uses(server.address(), &keys);
        let sent = (server.statements() - before) as f64 / keys.len() as f64;
        if let Conn::Postgres(_) = conn {
            for (text, calls) in by_statement(&database, keys.len()) {
                statements.row([format!("`{text}`"), short(calls)]);
            }
        }
        section.row([
            kind.name().to_owned(),
            short(keys.len() as f64 / timed.elapsed.as_secs_f64()),
            short(timed.latencies.percentile(50)),
            short(timed.latencies.percentile(99)),
            // A timer's statement or two are no miss.
            at_most((sent * 100.0).round() / 100.0, 1.0),
            timed.refused.to_string(),
        ]);
    }
    vec![section, statements]
}

fn first_uses(address: SocketAddr, keys: &[String]) -> crate::client::Run {
    each_once(address, CONNECTIONS, keys.len(), |number| request("GET", "/v1/whoami", &bearer(&keys[number]), ""))
}

fn reset(database: &Database<'_>) {
    let Conn::Postgres(conn) = &mut database.connect() else { return };
    for statement in ["CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()"] {
        sql_query(statement).execute(conn).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    query: String,
    #[diesel(sql_type = BigInt)]
    calls: i64,
}

fn by_statement(database: &Database<'_>, requests: usize) -> Vec<(String, f64)> {
    let Conn::Postgres(conn) = &mut database.connect() else { return Vec::new() };
    let query = "SELECT query, calls FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid \
                 WHERE datname = current_database() ORDER BY calls DESC";
    let lines: Vec<Line> = sql_query(query).load(conn).expect("pg_stat_statements can be read");
    let share = |line: &Line| line.calls as f64 / requests as f64;
    let shorten = |query: &str| {
        let line = query.split_whitespace().collect::<Vec<_>>().join(" ").replace(['|', '`'], "");
        let head: String = line.chars().take(90).collect();
        if head.len() < line.len() { format!("{head} …") } else { line }
    };
    lines.iter().filter(|line| share(line) >= 0.01).map(|line| (shorten(&line.query), share(line))).collect()
}
