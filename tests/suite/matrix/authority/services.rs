//! Services and portal sessions that lose authority while a request's body is on its way.

use super::super::callers::{Caller, Who};
use super::super::failures::Failures;
use super::super::table::Row;
use super::losses::Loss::{self, *};
use super::losses::{OF_SERVICES, Refused, losses};
use super::people::Holder;
use super::rows;
use super::scene::{Scene, server};
use crate::support::dump::dump;
use crate::support::tenant::{EVERYTHING, backend_token};
use crate::support::{Backend, secrets, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_service_that_loses_authority_during_a_request_changes_nothing,
    a_service_whose_member_loses_authority_during_a_request_changes_nothing,
    a_portal_session_that_loses_authority_during_a_request_changes_nothing,
    a_service_token_and_a_portal_session_that_expire_during_a_request_change_nothing,
];

/// The rows of people in a tenant.
fn rows_of_tenants() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| row.who.takes_backends() && row.who != Who::Backend)
}

fn rows_about_keys() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| row.operation.contains("/workspaces/{workspaceId}/api-keys"))
}

/// Sends the beginning of a request, takes authority away, sends the rest, and expects a refusal that changes nothing.
/// `member` is named in `Keyward-On-Behalf-Of`.
async fn cell(
    scene: &Scene<'_>,
    failures: &mut Failures,
    row: &Row,
    (holder, member): (&Holder, Option<&str>),
    (loss, status, code): Refused,
) {
    let targets = scene.targets(row, holder).await;
    let call = scene.call(row, holder, &targets);
    let call = member.map_or_else(|| call.clone(), |member| call.clone().header("Keyward-On-Behalf-Of", member));
    let underway = call.begin(scene.server, row.operation).await;
    scene.take_away(loss, holder).await;
    let before = dump(&scene.server.database);
    let reply = underway.finish().await;
    failures.cell(reply.unless_error(status, code).map(|fault| format!("{loss:?}: {fault}")));
    failures.unless_unchanged(&format!("{} while {loss:?}", row.operation), &before, &dump(&scene.server.database));
}

/// A service that acts for somebody who may do what the row is about.
async fn service_for(scene: &Scene<'_>, who: Who, loss: Option<Loss>) -> Holder {
    let person = scene.people().person(who, loss).await;
    let credential = backend_token(&scene.server.database, EVERYTHING, &[]).await;
    Holder { person, key: None, credential }
}

async fn a_service_that_loses_authority_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in rows_of_tenants() {
        for refused in OF_SERVICES {
            let holder = service_for(&scene, row.who, None).await;
            // Some rows take a person; in the others the service acts alone.
            let member =
                (row.target != super::super::table::Target::Standing).then_some(holder.person.user_id.as_str());
            let takes_a_person = ["/invitations", "/api-keys"].iter().any(|end| row.operation.ends_with(end));
            let named = if takes_a_person { Some(holder.person.user_id.as_str()) } else { member };
            cell(&scene, &mut failures, row, (&holder, named), *refused).await;
        }
    }
    failures.conclude(45);
}

async fn a_service_whose_member_loses_authority_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in rows_of_tenants() {
        let of_member = losses(row.who).iter().filter(|(loss, ..)| *loss != SignedOut);
        for (loss, ..) in of_member {
            let holder = service_for(&scene, row.who, Some(*loss)).await;
            let refused = (*loss, 403, "insufficient_permission");
            cell(&scene, &mut failures, row, (&holder, Some(&holder.person.user_id)), refused).await;
        }
    }
    failures.conclude(70);
}

/// A session of somebody who may do what the row is about.
async fn session_of(scene: &Scene<'_>, who: Who, loss: Option<Loss>, token: &str) -> Holder {
    let person = scene.people().person(who, loss).await;
    let acme = &scene.world.acme;
    let body = json!({
        "userId": person.user_id, "workspaceId": acme.workspace_id, "ttlSeconds": 600,
        "origins": ["https://app.example.com"],
    });
    let made = scene.server.post("/v1/portal-sessions").bearer(token).json(body).send().await.expect(201);
    let credential = made.text_at("/token");
    secrets::register(&credential);
    Holder { person, key: None, credential }
}

async fn a_portal_session_that_loses_authority_during_a_request_changes_nothing(db: Backend) {
    const ENDED: &str = "invalid_portal_session";
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in rows_about_keys() {
        let demoted = match row.who {
            Who::WorkspaceViewer => None,
            _ => Some((DemotedInWorkspace, 403, "insufficient_permission")),
        };
        let ended = [ServiceTokenRevoked, ServiceTokenNarrowed, RemovedFromWorkspace, Removed, Disabled];
        for refused in ended.map(|loss| (loss, 401, ENDED)).into_iter().chain(demoted) {
            let token = backend_token(&server.database, "keys:write", &[]).await;
            let holder = session_of(&scene, row.who, Some(refused.0), &token).await;
            cell(&scene, &mut failures, row, (&holder, None), refused).await;
        }
    }
    failures.conclude(25);
}

async fn a_service_token_and_a_portal_session_that_expire_during_a_request_change_nothing(db: Backend) {
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let end = server.clock.now().plus(Duration::from_secs(599)).to_string();
    let token = backend_token(&server.database, EVERYTHING, &["--expires-at", &end]).await;
    let lasting = backend_token(&server.database, "keys:write", &[]).await;
    let mut ready = Vec::new();
    for row in rows().filter(|row| row.who.takes_backends()) {
        let person = scene.people().person(row.who, None).await;
        let holder = Holder { person, key: None, credential: token.clone() };
        let targets = scene.targets(row, &holder).await;
        let call = scene.call(row, &holder, &targets);
        let takes_a_person = ["/invitations", "/api-keys"].iter().any(|end| row.operation.ends_with(end));
        let call = match takes_a_person {
            true => call.header("Keyward-On-Behalf-Of", &holder.person.user_id),
            false => call,
        };
        ready.push((row, call, "api_key_expired"));
    }
    for row in rows_about_keys() {
        let holder = session_of(&scene, row.who, None, &lasting).await;
        let targets = scene.world.fresh(row.target, Who::SomeonesKey, Caller::WorkspaceAdmin).await;
        ready.push((row, scene.call(row, &holder, &targets), "portal_session_expired"));
    }
    let mut underway = Vec::new();
    for (row, call, code) in ready {
        underway.push((row, call.begin(&server, row.operation).await, code));
    }
    server.clock.advance(Duration::from_secs(601));
    let before = dump(&server.database);
    let mut failures = Failures::default();
    for (row, underway, code) in underway {
        failures
            .cell(underway.finish().await.unless_error(401, code).map(|fault| format!("{}: {fault}", row.operation)));
    }
    failures.unless_unchanged("what has expired", &before, &dump(&server.database));
    failures.conclude(20);
}
