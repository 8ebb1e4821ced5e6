//! Keys made per second, each on the disk before its answer.

use crate::api::Tenant;
use crate::client::{bearer, during, request};
use crate::database::{Kind, Stage};
use crate::measure::short;
use crate::report::Section;
use crate::settings::Settings;
use serde_json::json;

const CONNECTIONS: usize = 16;

/// In one workspace, whose row is the lock, and over many.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "Creating keys",
        "`POST …/api-keys` with an ID token over 16 connections; SQLite with `synchronous=FULL`, PostgreSQL with its \
         defaults (fsync and synchronous commit on). The server is on one core.",
        &["database", "workspaces", "keys/s", "p50, ms", "p99, ms", "refused"],
    );
    for kind in Kind::ALL {
        let database = stage.database(kind);
        drop(database.migrate());
        let server = database.serve();
        let address = server.address();
        let tenant = Tenant::create(address);
        let workspaces: Vec<String> =
            (0..CONNECTIONS).map(|number| tenant.add_workspace(address, &format!("Workspace {number}"))).collect();
        let token = bearer(&tenant.owner.id_token);
        for used in [&workspaces[..1], &workspaces] {
            let run = during(address, CONNECTIONS, settings.round * 2, |number| {
                let path = format!("/v1/workspaces/{}/api-keys", used[number % used.len()]);
                request("POST", &path, &token, &json!({ "name": "Key" }).to_string())
            });
            section.row([
                kind.name().to_owned(),
                used.len().to_string(),
                short((run.latencies.len() - run.refused) as f64 / run.elapsed.as_secs_f64()),
                short(run.latencies.percentile(50)),
                short(run.latencies.percentile(99)),
                run.refused.to_string(),
            ]);
        }
    }
    vec![section]
}
