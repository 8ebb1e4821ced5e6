//! Services at every route: with each permission alone, for each member, bound to one tenant. And portal sessions.

use super::callers::{Caller, Outcome, Who, outcome};
use super::document::{Document, Operation};
use super::failures::Failures;
use super::reply::Call;
use super::table::{self, Row, Target};
use super::world::{self, Targets, World, with_body};
use crate::support::dump::dump;
use crate::support::tenant::{EVERYTHING, backend_token};
use crate::support::{Backend, Server, process, secrets, tests};
use keyward::base::policy::ServicePermission;
use serde_json::json;
use std::time::Duration;

tests![
    each_permission_of_a_service_token_opens_its_routes_and_no_other,
    a_service_may_for_a_member_what_the_member_may,
    a_service_may_not_for_an_owner_what_its_token_may_not,
    a_token_of_one_organization_sees_no_other,
    a_portal_session_reaches_the_keys_of_its_workspace_and_nothing_else,
    a_service_token_or_a_portal_session_that_has_ended_is_refused_everywhere,
];

const ORIGIN: &str = "https://app.example.com";

/// The rows of routes that take a credential, each with its operation.
fn rows(document: &Document) -> impl Iterator<Item = (&'static Row, &Operation)> {
    let with_operation = |row: &'static Row| (row, document.operation(row.operation));
    table::ROWS.iter().map(with_operation).filter(|(_, operation)| !operation.is_public)
}

/// Whether a token with one permission may do what takes another.
fn may(permission: &str, needs: &str) -> bool {
    let written = permission.strip_suffix(":write");
    let shows_usage = needs == "usage:read" && ["keys:read", "keys:write"].contains(&permission);
    permission == needs || shows_usage || (written.is_some() && written == needs.strip_suffix(":read"))
}

fn call(row: &Row, operation: &Operation, targets: &Targets, credential: &[(&'static str, String)]) -> Call {
    with_body(Call::new(&operation.method, &targets.fill(&operation.path)).headers(credential), row, targets)
}

fn bearer(token: &str) -> Vec<(&'static str, String)> {
    vec![("Authorization", format!("Bearer {token}"))]
}

fn for_member(token: &[(&'static str, String)], member: &str) -> Vec<(&'static str, String)> {
    [token, &[("Keyward-On-Behalf-Of", member.to_owned())]].concat()
}

/// What a service gets that acts for nobody: some things take a person.
fn alone(row: &Row) -> u16 {
    let takes_a_person = match row.operation {
        "POST /v1/workspaces/{workspaceId}/api-keys" | "POST /v1/organizations/{organizationId}/invitations" => true,
        // It names an owner.
        "POST /v1/organizations" => row.who == Who::SignedIn,
        _ => false,
    };
    if takes_a_person { 422 } else { row.answers }
}

async fn each_permission_of_a_service_token_opens_its_routes_and_no_other(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut tokens = Vec::new();
    for permission in ServicePermission::ALL {
        let token = backend_token(&server.database, permission.as_str(), &[]).await;
        tokens.push((permission.as_str(), bearer(&token)));
    }
    let mut failures = Failures::default();
    for (row, operation) in rows(&document) {
        let needs = operation.service_permission.as_deref();
        let (allowed, refused): (Vec<_>, Vec<_>) =
            tokens.iter().partition(|(permission, _)| needs.is_some_and(|needs| may(permission, needs)));
        assert_eq!(allowed.is_empty(), needs.is_none(), "{}: nobody may {needs:?}", row.operation);
        let targets = world.standing(row.target);
        let before = dump(&server.database);
        let code = if needs.is_some() { "insufficient_permission" } else { "credential_not_accepted" };
        for (permission, token) in refused {
            let what = format!("{} with {permission}", row.operation);
            let reply = call(row, operation, &targets, token).send(&server, what).await;
            failures.cell(reply.unless_error(403, code));
        }
        failures.unless_unchanged(row.operation, &before, &dump(&server.database));
        for (permission, token) in allowed {
            let targets = world.fresh(row.target, Who::SomeonesKey, Caller::Owner).await;
            let what = format!("{} with {permission}", row.operation);
            failures.cell(call(row, operation, &targets, token).send(&server, what).await.unless(alone(row)));
        }
    }
    failures.conclude(1_200);
}

/// Whether the caller has no role where the row is about.
fn has_no_role(row: &Row, caller: Caller) -> bool {
    match caller {
        Caller::OtherTenantsOwner => true,
        Caller::Member => row.operation.contains("{workspaceId}"),
        _ => false,
    }
}

/// The rows of people in a tenant.
fn rows_of_tenants(document: &Document) -> impl Iterator<Item = (&'static Row, &Operation)> {
    let is_of_tenant =
        |row: &Row| row.who.takes_backends() && !matches!(row.who, Who::Backend | Who::SignedInOrBackend);
    rows(document).filter(move |(row, _)| is_of_tenant(row))
}

async fn a_service_may_for_a_member_what_the_member_may(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let token = world.credentials(Caller::BackendToken).to_vec();
    let members = [
        Caller::Owner,
        Caller::OrganizationAdmin,
        Caller::Member,
        Caller::WorkspaceAdmin,
        Caller::Editor,
        Caller::Viewer,
        Caller::OtherTenantsOwner,
    ];
    let mut failures = Failures::default();
    for (row, operation) in rows_of_tenants(&document) {
        for who in row.cases() {
            let targets = world.standing(row.target);
            let before = dump(&server.database);
            for member in members {
                let Outcome::Refusal(status, code) = outcome(who, member) else { continue };
                let expected = if has_no_role(row, member) { (403, "insufficient_permission") } else { (status, code) };
                let credential = for_member(&token, &world.person(member).user_id);
                let what = format!("{} ({who:?}) for {member:?}", row.operation);
                let reply = call(row, operation, &targets, &credential).send(&server, what).await;
                failures.cell(reply.unless_error(expected.0, expected.1));
            }
            failures.unless_unchanged(row.operation, &before, &dump(&server.database));
            for member in members.into_iter().filter(|member| outcome(who, *member) == Outcome::Success) {
                let targets = world.fresh(row.target, who, member).await;
                let credential = for_member(&token, &world.person(member).user_id);
                let what = format!("{} ({who:?}) for {member:?}", row.operation);
                let reply = call(row, operation, &targets, &credential).send(&server, what).await;
                failures.cell(reply.unless(row.answers));
            }
        }
    }
    failures.conclude(350);
}

async fn a_service_may_not_for_an_owner_what_its_token_may_not(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let owner = &world.acme.owner.user_id;
    let credential = for_member(world.credentials(Caller::ServiceToken), owner);
    let nobody = for_member(world.credentials(Caller::BackendToken), "usr_01k4w5c9q2e0vb7m3t8z6r1xhd");
    let before = dump(&server.database);
    let mut failures = Failures::default();
    for (row, operation) in rows_of_tenants(&document) {
        let targets = world.standing(row.target);
        for (credential, whose) in [(&credential, "for an owner"), (&nobody, "for nobody")] {
            let what = format!("{} {whose}", row.operation);
            let reply = call(row, operation, &targets, credential).send(&server, what).await;
            failures.cell(reply.unless_error(403, "insufficient_permission"));
        }
    }
    failures.unless_unchanged("calls for an owner", &before, &dump(&server.database));
    failures.conclude(100);
}

async fn a_token_of_one_organization_sees_no_other(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let globex = world.of_globex["organizationId"].clone();
    let token = backend_token(&server.database, EVERYTHING, &["--organization", &globex]).await;
    let credential = bearer(&token);
    let before = dump(&server.database);
    let mut failures = Failures::default();
    for (row, operation) in rows(&document).filter(|(_, operation)| operation.service_permission.is_some()) {
        let targets = world.standing(row.target);
        let reply = call(row, operation, &targets, &credential).send(&server, row.operation).await;
        failures.cell(match row.operation {
            "GET /v1/organizations" => {
                let ids: Vec<_> = reply.body["data"].as_array().into_iter().flatten().map(|one| &one["id"]).collect();
                (ids != [&json!(globex)]).then(|| reply.fault("should list the token's own organization only"))
            }
            "POST /v1/keys/verify" => {
                (reply.body["code"] != "NOT_FOUND").then(|| reply.fault("another tenant's key should be NOT_FOUND"))
            }
            "POST /v1/organizations" | "PUT /v1/users" | "POST /v1/keys/revoke-leaked" => {
                reply.unless_error(403, "insufficient_permission")
            }
            _ => reply.unless_error(404, "not_found"),
        });
    }
    failures.unless_unchanged("another tenant's token", &before, &dump(&server.database));
    failures.conclude(55);
}

/// A portal session of a member of the first workspace.
async fn portal_session(
    server: &Server,
    world: &World<'_>,
    token: &str,
    caller: Caller,
    permissions: &[&str],
) -> String {
    let mut body = json!({
        "userId": world.person(caller).user_id, "workspaceId": world.acme.workspace_id, "ttlSeconds": 3600,
        "origins": [ORIGIN],
    });
    if !permissions.is_empty() {
        body["permissions"] = json!(permissions);
    }
    let made = server.post("/v1/portal-sessions").bearer(token).json(body).send().await.expect(201);
    let session = made.text_at("/token");
    secrets::register(&session);
    session
}

async fn a_portal_session_reaches_the_keys_of_its_workspace_and_nothing_else(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let token = backend_token(&server.database, "keys:write", &[]).await;
    // A narrowed session of an admin manages its own keys only, as an editor does.
    let sessions = [
        (Caller::OrganizationAdmin, &[][..], Caller::OrganizationAdmin),
        (Caller::WorkspaceAdmin, &[][..], Caller::WorkspaceAdmin),
        (Caller::OrganizationAdmin, &["keys:own"][..], Caller::Editor),
        (Caller::Viewer, &[][..], Caller::Viewer),
    ];
    let mut failures = Failures::default();
    for (member, permissions, as_if) in sessions {
        let session = portal_session(&server, &world, &token, member, permissions).await;
        let credential = [bearer(&session), vec![("Origin", ORIGIN.to_owned())]].concat();
        for (row, operation) in rows(&document) {
            for who in row.cases() {
                // Whose key it is stays the member's.
                let expected = match operation.takes_portal_session {
                    // A value of a key that has more than the session.
                    true if who == Who::OwnKey && !permissions.is_empty() && row.operation.ends_with("/roll") => {
                        Outcome::Refusal(403, "insufficient_permission")
                    }
                    true if who == Who::OwnKey => Outcome::Success,
                    true => outcome(who, as_if),
                    false => Outcome::Refusal(403, "credential_not_accepted"),
                };
                let what = format!("{} ({who:?}) by a session of {member:?} {permissions:?}", row.operation);
                match expected {
                    Outcome::Refusal(status, code) => {
                        let targets = match who {
                            Who::OwnKey if operation.takes_portal_session => world.fresh(row.target, who, member).await,
                            _ => world.standing(row.target),
                        };
                        let before = dump(&server.database);
                        let reply = call(row, operation, &targets, &credential).send(&server, what).await;
                        failures.cell(reply.unless_error(status, code));
                        failures.unless_unchanged(row.operation, &before, &dump(&server.database));
                    }
                    Outcome::Success => {
                        let targets = world.fresh(row.target, who, member).await;
                        let reply = call(row, operation, &targets, &credential).send(&server, what).await;
                        failures.cell(reply.unless(row.answers));
                    }
                }
            }
        }
        // Another workspace of the same tenant, and another tenant's.
        let sibling = world.acme.add_workspace("Sibling").await;
        for workspace in [&sibling, &world.of_globex["workspaceId"]] {
            for (row, operation) in rows(&document).filter(|(_, operation)| operation.takes_portal_session) {
                let targets = world.standing(Target::Key).with("workspaceId", workspace);
                let reply = call(row, operation, &targets, &credential).send(&server, row.operation).await;
                failures.cell(reply.unless_error(404, "not_found"));
            }
        }
    }
    failures.conclude(400);
}

async fn a_service_token_or_a_portal_session_that_has_ended_is_refused_everywhere(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let make = async |more: &[&str]| {
        let arguments = [&["service-token", "create", "--name", "Ended", "--can", EVERYTHING], more].concat();
        let printed = process::run(&server.database, &arguments).await;
        let (id, token) = printed.trim().split_once('\n').expect("its id and its text");
        secrets::register(token);
        (id.to_owned(), token.to_owned())
    };
    let soon = server.clock.now().plus(Duration::from_secs(3600)).to_string();
    let (_, expired) = make(&["--expires-at", &soon]).await;
    let (revoked_id, revoked) = make(&[]).await;
    let (rolled_id, rolled) = make(&[]).await;
    let (narrowed_id, narrowed) = make(&[]).await;
    let (_, good) = make(&[]).await;
    let of_revoked = portal_session(&server, &world, &revoked, Caller::Editor, &[]).await;
    let of_narrowed = portal_session(&server, &world, &narrowed, Caller::Editor, &[]).await;
    let of_rolled = portal_session(&server, &world, &rolled, Caller::Editor, &[]).await;
    let leaver = world.acme.add_to_workspace("editor").await;
    let body = json!({
        "userId": leaver.user_id, "workspaceId": world.acme.workspace_id, "ttlSeconds": 3600, "origins": [ORIGIN],
    });
    let made = server.post("/v1/portal-sessions").bearer(&good).json(body).send().await.expect(201);
    let of_leaver = made.text_at("/token");
    // The command has the machine's clock, and the server's is two hours ahead.
    let overlapping = process::run(&server.database, &["service-token", "roll", &rolled_id, "--overlap", "3h"]).await;
    secrets::register(overlapping.trim().split_once('\n').expect("two lines").1);
    server.get("/v1/organizations").bearer(&rolled).send().await.expect(200);
    process::run(&server.database, &["service-token", "revoke", &revoked_id]).await;
    process::run(&server.database, &["service-token", "change", &narrowed_id, "--can", "keys:read"]).await;
    let path = world.acme.organization_path(&format!("/members/{}", leaver.user_id));
    server.delete(&path).bearer(&world.acme.owner.id_token).send().await.expect(200);
    let keys = world.acme.workspace_path("/api-keys");
    // A roll ends no session.
    server.get(&keys).bearer(&of_rolled).send().await.expect(200);
    let unexpired = [
        (&revoked, "api_key_revoked"),
        (&of_revoked, "invalid_portal_session"),
        (&of_narrowed, "invalid_portal_session"),
        (&of_leaver, "invalid_portal_session"),
    ];
    let later = [(&expired, "api_key_expired"), (&rolled, "invalid_api_key"), (&of_rolled, "portal_session_expired")];
    let mut failures = Failures::default();
    for (credentials, is_later) in [(&unexpired[..], false), (&later[..], true)] {
        if is_later {
            server.clock.advance(Duration::from_secs(3601));
        }
        let before = dump(&server.database);
        for (row, operation) in rows(&document) {
            let targets = world.standing(row.target);
            for (credential, code) in credentials {
                let reply = call(row, operation, &targets, &bearer(credential)).send(&server, row.operation).await;
                failures.cell(reply.unless_error(401, code));
            }
        }
        failures.unless_unchanged("credentials that have ended", &before, &dump(&server.database));
    }
    failures.conclude(500);
}
