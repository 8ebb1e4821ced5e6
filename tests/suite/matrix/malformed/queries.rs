//! Malformed queries.

use super::super::document::{Document, Operation};
use super::super::failures::Failures;
use super::super::reply::Call;
use super::super::table;
use super::super::world::{self, World, best_caller};
use super::unless_refused;
use crate::support::dump::dump;
use crate::support::{Backend, tests};

tests![every_route_refuses_malformed_queries];

/// Bad queries for a parameter that the document has.
fn bad_queries(parameter: &str) -> Vec<String> {
    let values: &[&str] = match parameter {
        "pageSize" => &[
            "0",
            "101",
            "-1",
            "x",
            "1e3",
            "",
            "%2B5",
            "1.0",
            "0x10",
            "%FF",
            "%00",
            "99999999999999999999",
            "%D9%A3",
            "5;",
        ],
        "cursor" => &[
            "",
            "x",
            "!!!",
            "%00",
            "%FF",
            "AAAAAAAAAAAAAAAAAAAA",
            "eyJpZCI6MX0",
            "%F0%9F%94%91",
            "key_01k4w5c9q2e0vb7m3t8z6r1xhd",
        ],
        "transferKeysTo" => {
            &["", "x", "%00", "%FF", "null", "USR_01K4W5C9Q2E0VB7M3T8Z6R1XHD", "key_01k4w5c9q2e0vb7m3t8z6r1xhd"]
        }
        "replaceWith" => {
            &["", "x", "Viewer", "owner", "viewer,editor", "%00", "%FF", "null", "usr_01k4w5c9q2e0vb7m3t8z6r1xhd"]
        }
        "mode" => &["", "x", "Keep", "keep,roll", "1", "%00", "%FF", "null"],
        "reason" => &["", "x", "Leaked", "leaked,unused", "1", "%00", "%FF", "null"],
        // A comment is any text.
        "comment" => &["", "%20", "%00", "a%0Ab", "a%E2%80%AEb", "%E2%80%8B"],
        "actor" => {
            &["", "x", "User", "operators", "org_01k4w5c9q2e0vb7m3t8z6r1xhd", "usr_01", "%00", "%FF", "usr_%25", "null"]
        }
        "action" => &["", "x", "api_key", "api_key.*", "API_KEY.CREATED", "%00", "%FF", "null"],
        "target" => &["", "x", "user", "evt_01k4w5c9q2e0vb7m3t8z6r1xhd", "key_01", "%00", "%FF", "null"],
        "from" | "to" => {
            &["", "x", "0", "1767225600", "2026-01-01", "2026-13-01T00:00:00Z", "1969-12-31T00:00:00Z", "%00"]
        }
        "interval" => &["", "x", "Hour", "minute", "hour,day", "1", "%00", "%FF", "null"],
        "unusedForDays" => &[
            "",
            "0",
            "3651",
            "-1",
            "x",
            "1e3",
            "%2B5",
            "1.0",
            "0x10",
            "%FF",
            "%00",
            "99999999999999999999",
            "90d",
            "null",
        ],
        "permission" => &["", "x", "content", "Content:Read", "content:read,content:write", "%00", "%FF", "null"],
        "sort" => &["", "x", "-", "title,views", "--title", "created_at", "%00", "%FF", "null"],
        "published" => &["", "x", "1", "True", "null", "%00", "%FF"],
        "views" => &["", "x", "+5", "%2B5", "0x10", "NaN", "inf", "1e999", "5;", "true", "null", "%00", "%FF"],
        other => panic!("no bad values for the parameter {other}: add some to tests/suite/matrix/malformed/queries.rs"),
    };
    let mut queries: Vec<String> = values.iter().map(|value| format!("{parameter}={value}")).collect();
    queries.push(parameter.to_owned());
    queries.push(format!("{parameter}={}", "a".repeat(10_000)));
    queries.push(format!("{parameter}[]=1"));
    let good = match parameter {
        "pageSize" | "unusedForDays" => "5",
        "interval" => "hour",
        "permission" => "content:read",
        "action" => "api_key.created",
        "reason" => "leaked",
        "from" | "to" => "2026-01-01T00:00:00Z",
        _ => "usr_01k4w5c9q2e0vb7m3t8z6r1xhd",
    };
    queries.push(format!("{parameter}={good}&{parameter}={good}"));
    queries
}

async fn every_route_refuses_malformed_queries(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    // What is public is a page for people, which answers as one.
    let with_query = |operation: &&Operation| !operation.query_parameters.is_empty() && !operation.is_public;
    for operation in document.operations.iter().filter(with_query) {
        let row = table::usual(&operation.name);
        let path = world.standing(row.target).fill(&operation.path);
        let mut queries: Vec<String> = operation.query_parameters.iter().flat_map(|name| bad_queries(name)).collect();
        queries.extend(["unknown=1", "pagesize=5", "page_size=5", "&=", "%FF=1"].map(str::to_owned));
        let before = dump(&server.database);
        for query in queries {
            let call = Call::new(&operation.method, &format!("{path}?{query}"));
            let call = call.headers(world.credentials(best_caller(row)));
            let shown: String = query.chars().take(60).collect();
            let reply = call.send(&server, format!("{}?{shown}", operation.name)).await;
            failures.cell(unless_refused(&reply, operation, &[400]));
        }
        failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        failures.cell(world.unless_succeeds(row, operation).await);
    }
    failures.conclude(280);
}
