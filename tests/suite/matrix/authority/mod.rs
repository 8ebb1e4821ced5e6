//! Authority that is taken away while a request's body is on its way.
//!
//! Each cell sends the headers and one byte, waits until the handler waits for the rest, takes authority away by a call
//! that answers, sends the rest, and expects a refusal and an unchanged database. [`expiry`] moves the clock instead.
//! [`keys`] has the keys that manage keys, [`foreigners`] the people of other issuers, and [`waits`] the routes without
//! a body.

mod expiry;
mod foreigners;
mod keys;
mod losses;
mod people;
mod scene;
mod services;
mod waits;

use super::callers::Who;
use super::document::Document;
use super::failures::Failures;
use super::table::{self, Body, Row};
use super::world;
use crate::support::dump::dump;
use crate::support::harness::Test;
use crate::support::{Backend, tests};
use keyward::base::policy::SubscriptionStatus;
use losses::{Loss, Refused, losses};
use people::Holder;
use scene::{Scene, server};

tests![
    every_writing_route_is_in_the_matrix_of_authority,
    a_person_who_loses_authority_in_an_organization_during_a_request_changes_nothing,
    a_person_who_loses_authority_in_a_workspace_during_a_request_changes_nothing,
    a_program_that_loses_authority_during_a_request_changes_nothing,
    the_matrix_notices_a_write_that_does_not_look_again,
];

/// Every test of this room.
pub fn all() -> Vec<Test> {
    [tests(), expiry::tests(), foreigners::tests(), keys::tests(), services::tests(), waits::tests_once()]
        .into_iter()
        .flatten()
        .collect()
}

/// Routes with a body whose caller is known by the body itself, so not before all of it has come; and one that only reads.
const KNOWN_BY_BODY: [&str; 14] = [
    "POST /docs/token",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signUp",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signInWithPassword",
    "POST /identitytoolkit.googleapis.com/v1/accounts:lookup",
    "POST /identitytoolkit.googleapis.com/v1/accounts:update",
    "POST /identitytoolkit.googleapis.com/v1/accounts:delete",
    "POST /identitytoolkit.googleapis.com/v1/accounts:sendOobCode",
    "POST /identitytoolkit.googleapis.com/v1/accounts:resetPassword",
    "POST /__/auth/action",
    "POST /__/auth/invitation",
    "POST /__/auth/reset",
    "POST /securetoken.googleapis.com/v1/token",
    "POST /v1/billing/stripe/webhook",
    "POST /v1/keys/verify",
];

/// The rows whose requests can wait for their bodies.
fn rows() -> impl Iterator<Item = &'static Row> {
    table::ROWS.iter().filter(|row| {
        let takes_body = !matches!(row.body, Body::Nothing) && !row.operation.starts_with("GET ");
        takes_body && !KNOWN_BY_BODY.contains(&row.operation)
    })
}

async fn every_writing_route_is_in_the_matrix_of_authority(db: Backend) {
    let server = world::server(db).await;
    let document = Document::of(&server).await;
    for operation in document.operations.iter().filter(|operation| operation.method != "GET") {
        let name = operation.name.as_str();
        let is_here = [
            rows().any(|row| row.operation == name),
            KNOWN_BY_BODY.contains(&name),
            waits::rows().any(|row| row.operation == name),
        ];
        let times = is_here.into_iter().filter(|is_here| *is_here).count();
        assert_eq!(times, 1, "{name} must be in exactly one list of tests/suite/matrix/authority");
    }
}

/// One cell: the request is refused, and changes nothing.
async fn cell(scene: &Scene<'_>, failures: &mut Failures, row: &Row, holder: &Holder, (loss, status, code): Refused) {
    let targets = scene.targets(row, holder).await;
    let underway = scene.begin(row, holder, &targets).await;
    scene.take_away(loss, holder).await;
    let before = dump(&scene.server.database);
    let reply = underway.finish().await;
    failures.cell(reply.unless_error(status, code).map(|fault| format!("{loss:?}: {fault}")));
    failures.unless_unchanged(&format!("{} while {loss:?}", row.operation), &before, &dump(&scene.server.database));
    if loss == Loss::SubscriptionLost {
        scene.set_subscription(SubscriptionStatus::Active).await;
    }
}

fn is_of_organizations(who: Who) -> bool {
    matches!(who, Who::SignedIn | Who::OrganizationAdmin | Who::OrganizationOwner)
}

fn is_no_person(who: Who) -> bool {
    who.is_of_programs() || matches!(who, Who::Service | Who::Backend)
}

async fn a_person_who_loses_authority_in_an_organization_during_a_request_changes_nothing(db: Backend) {
    all_are_refused(db, is_of_organizations, 39).await;
}

async fn a_person_who_loses_authority_in_a_workspace_during_a_request_changes_nothing(db: Backend) {
    all_are_refused(db, |who| !is_of_organizations(who) && !is_no_person(who), 77).await;
}

async fn a_program_that_loses_authority_during_a_request_changes_nothing(db: Backend) {
    all_are_refused(db, is_no_person, 61).await;
}

/// The cells of the rows of some callers.
async fn all_are_refused(db: Backend, is_among: fn(Who) -> bool, least: usize) {
    let server = server(db, |_| {}).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in rows().filter(|row| is_among(row.who)) {
        for refused in losses(row.who) {
            let holder = scene.holder(row.who, Some(refused.0)).await;
            cell(&scene, &mut failures, row, &holder, *refused).await;
        }
    }
    failures.conclude(least);
}

/// Each row succeeds after its first loss, so a cell above fails without the second look.
async fn the_matrix_notices_a_write_that_does_not_look_again(db: Backend) {
    let server = server(db, |config| config.cluster.faults.no_confirmation = true).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    for row in rows() {
        let (loss, _, _) = losses(row.who)[0];
        let holder = scene.holder(row.who, Some(loss)).await;
        let targets = scene.targets(row, &holder).await;
        let underway = scene.begin(row, &holder, &targets).await;
        scene.take_away(loss, &holder).await;
        let reply = underway.finish().await;
        failures.cell(reply.unless(row.answers).map(|fault| format!("{loss:?}: {fault}")));
    }
    failures.conclude(28);
}
