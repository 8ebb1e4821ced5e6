//! The audit trail: what is recorded ([`writes`], [`commands`], [`sign_ins`], [`refusals`]), that nobody changes it
//! ([`chain`], [`retention`]), and who reads it how ([`reading`], [`exports`]).

mod chain;
mod commands;
mod exports;
mod reading;
mod refusals;
mod retention;
mod scene;
pub mod sign_ins;
mod writes;

use crate::support::database::TestDatabase;
use crate::support::harness::Test;
use keyward::domain::audit::{Export, Filter};
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    [
        chain::tests(),
        commands::tests(),
        exports::tests(),
        reading::tests(),
        refusals::tests(),
        retention::tests(),
        sign_ins::tests(),
        writes::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every event of an organization, oldest first; of a deleted one, too.
pub fn trail(database: &TestDatabase, organization: &str) -> Vec<Value> {
    let mut conn = database.connect();
    let id = organization.parse().expect("an organization's id");
    let mut lines = Vec::new();
    if let Some(mut export) = Export::start(&mut conn, id, Filter::default()).expect("the trail can be read") {
        while let Some(batch) = export.next(&mut conn).expect("the trail can be read") {
            lines.extend(batch);
        }
    }
    let lines = String::from_utf8(lines).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What an event says of the change itself.
pub fn told(event: &Value) -> Value {
    let fields = ["actor", "action", "target", "workspaceId", "before", "after"];
    fields.iter().map(|field| ((*field).to_owned(), event[field].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// The actions of events.
fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["action"].as_str().expect("an action")).collect()
}

/// A person as an actor.
fn user(id: &str, email: &str) -> Value {
    json!({ "kind": "user", "id": id, "name": null, "email": email })
}

/// Whoever runs the command line, as the tests run it.
fn operator() -> Value {
    json!({ "kind": "operator", "id": null, "name": "ops", "email": null })
}
