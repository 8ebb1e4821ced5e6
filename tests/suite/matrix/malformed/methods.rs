//! Methods that a path does not have.

use super::super::callers::Caller;
use super::super::document::Document;
use super::super::failures::Failures;
use super::super::reply::Call;
use super::super::table::Target;
use super::super::world::{self, World};
use crate::support::dump::dump;
use crate::support::{Backend, tests};
use std::collections::{BTreeMap, BTreeSet};

tests![every_path_refuses_other_methods_and_names_its_own];

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"];

async fn every_path_refuses_other_methods_and_names_its_own(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in &document.operations {
        let own = paths.entry(&operation.path).or_default();
        own.insert(&operation.method);
        // Answered as GET is.
        if operation.method == "GET" {
            own.insert("HEAD");
        }
    }
    let targets = world.standing(Target::Standing);
    let before = dump(&server.database);
    let mut failures = Failures::default();
    for (path, own) in paths {
        for method in METHODS.into_iter().filter(|method| !own.contains(method)) {
            let call = Call::new(method, &targets.fill(path)).headers(world.credentials(Caller::Owner));
            let reply = call.send(&server, format!("{method} {path}")).await;
            let allow = reply.headers.get("allow").and_then(|allow| allow.to_str().ok()).unwrap_or_default();
            let named: BTreeSet<&str> = allow.split(", ").collect();
            let wrong_allow =
                || (named != own).then(|| reply.fault(&format!("Allow should be {own:?}, and is {allow:?}")));
            failures.cell(reply.unless_error(405, "method_not_allowed").or_else(wrong_allow));
        }
    }
    failures.unless_unchanged("unknown methods", &before, &dump(&server.database));
    failures.conclude(210);
}
