//! Malformed parameters of paths, and paths that lead nowhere.

use super::super::document::Document;
use super::super::failures::Failures;
use super::super::reply::Call;
use super::super::table;
use super::super::world::{self, World, best_caller, with_body};
use super::{UNMATCHED, unless_answered, unless_refused};
use crate::support::dump::dump;
use crate::support::{Backend, tests};

tests![every_route_refuses_malformed_ids_in_its_path, every_path_with_more_behind_it_is_not_found];

/// What can stand in a path where an id should; `valid` is the id to spoil.
fn bad_ids(valid: &str) -> Vec<String> {
    let (prefix, suffix) = valid.split_once('_').unwrap_or(("", valid));
    let mut bad: Vec<String> = [
        "",
        "x",
        ".",
        "..",
        "../",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%FF",
        "%C0%AF",
        "%ED%A0%80",
        "%",
        "%zz",
        "%20",
        "%F0%9F%94%91",
        "%E2%80%AE",
        "'%20OR%201=1--",
        "*",
        "null",
        "0",
        "-1",
        "%25s",
        "{}",
        "me",
    ]
    .map(str::to_owned)
    .into();
    bad.extend([
        valid.to_uppercase(),
        format!("abc_{suffix}"),
        format!("{prefix}{suffix}"),
        format!("{prefix}_8{}", &suffix[1..]),
        format!("{valid}0"),
        valid[..valid.len() - 1].to_owned(),
        format!("{valid}%00"),
        format!("{valid}%0A"),
        format!("%20{valid}"),
        format!("{valid},{valid}"),
        "a".repeat(10_000),
    ]);
    bad
}

async fn every_route_refuses_malformed_ids_in_its_path(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    for operation in document.operations.iter().filter(|operation| !operation.path_parameters.is_empty()) {
        let row = table::usual(&operation.name);
        let targets = world.standing(row.target);
        let before = dump(&server.database);
        for name in &operation.path_parameters {
            for bad in bad_ids(&targets[name]) {
                let spoiled = targets.clone().with(name, &bad);
                let call = with_body(world.bare_call(operation, best_caller(row), &spoiled), row, &targets);
                let shown: String = bad.chars().take(40).collect();
                let reply = call.send(&server, format!("{} with {name} {shown:?}", operation.name)).await;
                failures.cell(if operation.is_public && !UNMATCHED.contains(&reply.status) {
                    unless_answered(&reply, operation)
                } else {
                    // An empty or a dotted one may lead to another route, or to none.
                    unless_refused(
                        &reply,
                        operation,
                        if bad.is_empty() || bad == "../" { &[400, 404, 405] } else { &[400] },
                    )
                });
            }
        }
        failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        failures.cell(world.unless_succeeds(row, operation).await);
    }
    failures.conclude(1490);
}

async fn every_path_with_more_behind_it_is_not_found(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    let before = dump(&server.database);
    for operation in &document.operations {
        let row = table::usual(&operation.name);
        let targets = world.standing(row.target);
        let path = targets.fill(&operation.path);
        let elsewhere = [format!("{path}/no/such/thing/here"), format!("/v0{path}"), format!("/nowhere{path}")];
        for target in elsewhere {
            let call = Call::new(&operation.method, &target).headers(world.credentials(best_caller(row)));
            let reply = call.send(&server, format!("{} {target}", operation.method)).await;
            failures.cell(reply.unless_error(404, "not_found"));
        }
    }
    failures.unless_unchanged("unknown paths", &before, &dump(&server.database));
    failures.conclude(132);
}
