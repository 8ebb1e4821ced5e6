//! Another tenant's things are not there: in no path, in no body.

use super::callers::{Caller, Who};
use super::document::{Document, Operation};
use super::failures::Failures;
use super::reply::Reply;
use super::table::{self, Target};
use super::world::{self, Targets, World, best_caller, with_body};
use crate::support::dump::dump;
use crate::support::{Backend, Server, tests};
use keyward::base::ids::{DocumentId, InvitationId, KeyId, OrganizationId, RoleId, SessionId, UserId, WorkspaceId};
use serde_json::json;

tests![
    every_route_hides_another_tenants_things,
    an_id_in_a_body_or_a_query_does_not_tell_another_tenants_thing_from_nothing,
    a_key_is_not_found_through_another_workspace_of_its_tenant,
];

/// Ids that nothing has.
fn nothing() -> Targets {
    Targets::default()
        .with("organizationId", &OrganizationId::new().text())
        .with("workspaceId", &WorkspaceId::new().text())
        .with("userId", &UserId::new().text())
        .with("invitationId", &InvitationId::new().text())
        .with("roleId", &RoleId::new().text())
        .with("keyId", &KeyId::new().text())
        .with("sessionId", &SessionId::new().text())
        .with("articleId", &DocumentId::new().text())
        .with("documentId", &DocumentId::new().text())
}

/// `own` with the ids at some places, given as bits, of somebody else.
fn mix(own: &Targets, foreign: &Targets, names: &[String], places: usize) -> Targets {
    let taken = names.iter().enumerate().filter(|(place, _)| places & (1 << place) != 0);
    taken.fold(own.clone(), |mixed, (_, name)| mixed.with(name, &foreign[name]))
}

async fn every_route_hides_another_tenants_things(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    for operation in document.operations.iter().filter(|operation| !operation.is_public) {
        let row = table::usual(&operation.name);
        let (own, names) = (world.standing(row.target), &operation.path_parameters);
        // Another backend sees all tenants.
        let caller = if row.who == Who::Backend { Caller::BoundToken } else { best_caller(row) };
        let before = dump(&server.database);
        // Each place alone, and all of them.
        for places in 1..1_usize << names.len() {
            let send = async |foreign: &Targets, whose: &str| {
                let targets = mix(&own, foreign, names, places);
                let call = with_body(world.bare_call(operation, caller, &targets), row, &own);
                call.send(&server, format!("{} with {whose} (places {places:b})", operation.name)).await
            };
            let theirs = send(&world.of_globex, "another tenant's id").await;
            let nobodys = send(&nothing(), "an id of nothing").await;
            failures.cell(theirs.unless_error(404, "not_found"));
            failures.cell(nobodys.unless_error(404, "not_found"));
            failures.cell(unless_alike(&theirs, &nobodys));
        }
        failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        if !names.is_empty() {
            failures.cell(world.unless_succeeds(row, operation).await);
        }
    }
    failures.conclude(190);
}

async fn a_key_is_not_found_through_another_workspace_of_its_tenant(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let sibling = world.acme.add_workspace("Sibling").await;
    let mut failures = Failures::default();
    let about_keys = |operation: &&Operation| operation.path_parameters.iter().any(|name| name == "keyId");
    for operation in document.operations.iter().filter(about_keys) {
        let row = table::usual(&operation.name);
        let targets = world.standing(row.target).with("workspaceId", &sibling);
        let before = dump(&server.database);
        let call = world.call(row, operation, best_caller(row), &targets);
        let reply = call.send(&server, format!("{} through a sibling", operation.name)).await;
        failures.cell(reply.unless_error(404, "not_found"));
        failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        failures.cell(world.unless_succeeds(row, operation).await);
    }
    failures.conclude(16);
}

async fn an_id_in_a_body_or_a_query_does_not_tell_another_tenants_thing_from_nothing(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let mut failures = Failures::default();
    let own = world.standing(Target::Member);
    // The one who goes must have a key: an new_creator of nothing is not looked at.
    let leaver = world.acme.add_to_workspace("editor").await;
    world.acme.create_key(&leaver, json!({})).await;
    let own = own.with("userId", &leaver.user_id);
    let before = dump(&server.database);
    for case in CASES {
        let theirs = case.send(&server, &world, &own, &world.of_globex).await;
        let nobodys = case.send(&server, &world, &own, &nothing()).await;
        failures.cell(theirs.unless_error(422, "validation_failed"));
        failures.cell(nobodys.unless_error(422, "validation_failed"));
        failures.cell(unless_alike(&theirs, &nobodys));
    }
    failures.unless_unchanged("ids in bodies", &before, &dump(&server.database));
    for case in CASES {
        failures.cell(
            case.send(&server, &world, &own, &own.clone().with("userId", &own["heirsId"])).await.unless(case.answers),
        );
    }
    failures.conclude(28);
}

/// A request that names things besides its path.
struct Case {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    body: &'static str,
    /// With ids of its own tenant.
    answers: u16,
}

/// `{…}` is the tenant's own, `<…>` the id in question.
const CASES: [Case; 7] = [
    Case {
        method: "POST",
        path: "/v1/organizations/{organizationId}/invitations",
        query: "",
        body: r#"{"email": "grace@example.com", "role": "member", "workspaces": [{"id": "<workspaceId>", "role": "viewer"}]}"#,
        answers: 201,
    },
    Case {
        method: "POST",
        path: "/v1/workspaces/{workspaceId}/api-keys/{keyId}/transfer",
        query: "",
        body: r#"{"userId": "<userId>"}"#,
        answers: 200,
    },
    Case {
        method: "DELETE",
        path: "/v1/workspaces/{workspaceId}/members/{userId}",
        query: "?transferKeysTo=<userId>",
        body: "",
        answers: 200,
    },
    Case {
        method: "PUT",
        path: "/v1/workspaces/{workspaceId}/members/{userId}",
        query: "",
        body: r#"{"role": "<roleId>"}"#,
        answers: 200,
    },
    Case {
        method: "POST",
        path: "/v1/organizations/{organizationId}/invitations",
        query: "",
        body: r#"{"email": "hopper@example.com", "role": "member", "workspaces": [{"id": "{workspaceId}", "role": "<roleId>"}]}"#,
        answers: 201,
    },
    Case {
        method: "DELETE",
        path: "/v1/organizations/{organizationId}/roles/{spareRoleId}",
        query: "?replaceWith=<roleId>",
        body: "",
        answers: 204,
    },
    Case {
        method: "DELETE",
        path: "/v1/organizations/{organizationId}/members/{userId}",
        query: "?transferKeysTo=<userId>",
        body: "",
        answers: 200,
    },
];

impl Case {
    async fn send(&self, server: &Server, world: &World<'_>, own: &Targets, asked: &Targets) -> Reply {
        let insert = |text: &str| {
            let names = ["workspaceId", "userId", "roleId"];
            names.iter().fold(text.to_owned(), |text, name| text.replace(&format!("<{name}>"), &asked[name]))
        };
        let call = super::reply::Call::new(self.method, &(own.fill(self.path) + &insert(self.query)));
        let call = call.headers(world.credentials(super::callers::Caller::Owner));
        let call = if self.body.is_empty() {
            call
        } else {
            call.body(Some("application/json"), insert(self.body).replace("{workspaceId}", &own["workspaceId"]))
        };
        call.send(server, format!("{} {}{}", self.method, self.path, self.query)).await
    }
}

/// What tells two answers apart, besides their ids and times.
fn unless_alike(one: &Reply, other: &Reply) -> Option<String> {
    let names = |reply: &Reply| reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    let alike = one.status == other.status && one.lasting() == other.lasting() && names(one) == names(other);
    (!alike).then(|| other.fault("should be like the answer for another tenant's id"))
}
