//! Keys that manage keys (`keys.manage_with_keys`): they lose authority as other keys do, and by their creators.

use super::super::callers::Who;
use super::super::failures::Failures;
use super::super::table::Row;
use super::losses::OF_PROGRAMS;
use super::scene::{Scene, server};
use super::{cell, rows};
use crate::support::{Backend, tests};
use serde_json::json;

tests![a_key_that_manages_keys_and_is_stopped_during_a_request_changes_nothing];

/// The rows about keys.
fn managing_rows() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| row.operation.contains("/workspaces/{workspaceId}/api-keys"))
}

async fn a_key_that_manages_keys_and_is_stopped_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, |config| config.keys.manage_with_keys = true).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in managing_rows() {
        // What is refused below is accepted as long as the key lives.
        let holder = scene.with_key(Who::WorkspaceAdmin, json!({})).await;
        let targets = scene.targets(row, &holder).await;
        failures.cell(scene.begin(row, &holder, &targets).await.finish().await.unless(row.answers));
        for refused in OF_PROGRAMS {
            let holder = scene.with_key(Who::WorkspaceAdmin, json!({})).await;
            cell(&scene, &mut failures, row, &holder, *refused).await;
        }
    }
    failures.conclude(5 * 11);
}
