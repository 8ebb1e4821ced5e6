//! Credentials that expire while the body is on its way.

use super::super::callers::Who;
use super::super::failures::Failures;
use super::rows;
use super::scene::{Scene, server};
use crate::identity::foreigners::Foreigners;
use crate::support::dump::dump;
use crate::support::{Backend, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_credential_that_expires_during_a_request_changes_nothing,
    a_foreign_token_that_expires_during_a_request_changes_nothing,
    a_value_whose_overlap_ends_during_a_request_changes_nothing,
];

/// The lifetime of an ID token, and a second.
const LIFETIME: Duration = Duration::from_secs(3601);

async fn a_credential_that_expires_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, |_| {}).await;
    everything_expires(Scene::of(&server).await).await;
}

async fn a_foreign_token_that_expires_during_a_request_changes_nothing(db: Backend) {
    let foreigners = Foreigners::of_oidc();
    let issuer = foreigners.settings();
    let server = server(db, |config| config.identity.issuers = vec![issuer]).await;
    let scene = Scene { foreigners: Some(foreigners), ..Scene::of(&server).await };
    everything_expires(scene).await;
}

/// All requests begin, then the clock moves, then all end: so the clock moves once.
async fn everything_expires(scene: Scene<'_>) {
    let soon = scene.server.clock.now().plus(LIFETIME).to_string();
    let mut ready = Vec::new();
    // An expired key may still be revoked by its holder.
    for row in rows().filter(|row| !matches!(row.who, Who::Service | Who::Backend | Who::KeyItself)) {
        let holder = scene.people().holder(row.who, None, json!({ "expiresAt": soon })).await;
        let targets = scene.targets(row, &holder).await;
        ready.push((row, holder, targets));
    }
    let mut underway = Vec::new();
    for (row, holder, targets) in &ready {
        underway.push((*row, scene.begin(row, holder, targets).await));
    }
    scene.server.clock.advance(LIFETIME);
    let before = dump(&scene.server.database);
    let mut failures = Failures::default();
    for (row, underway) in underway {
        let code = if row.who.is_of_programs() { "api_key_expired" } else { "id_token_expired" };
        failures.cell(underway.finish().await.unless_error(401, code));
    }
    failures.unless_unchanged("what has expired", &before, &dump(&scene.server.database));
    failures.conclude(28);
}

async fn a_value_whose_overlap_ends_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let acme = &scene.world.acme;
    let mut ready = Vec::new();
    for row in rows().filter(|row| row.who.is_of_programs()) {
        let holder = scene.holder(row.who, None).await;
        let roll = server.post(&acme.key_path(holder.key.as_ref().expect("a key"), "/roll"));
        let roll = roll.bearer(&acme.owner.id_token).json(json!({ "overlapSeconds": 60 }));
        roll.send().await.expect(200);
        let targets = scene.targets(row, &holder).await;
        ready.push((row, holder, targets));
    }
    let mut underway = Vec::new();
    for (row, holder, targets) in &ready {
        underway.push(scene.begin(row, holder, targets).await);
    }
    server.clock.advance(Duration::from_secs(61));
    let before = dump(&server.database);
    let mut failures = Failures::default();
    for underway in underway {
        failures.cell(underway.finish().await.unless_error(401, "invalid_api_key"));
    }
    failures.unless_unchanged("values that have ended", &before, &dump(&server.database));
    failures.conclude(6);
}
