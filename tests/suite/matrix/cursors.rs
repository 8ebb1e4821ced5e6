//! A cursor belongs to one list of one tenant.

use super::document::{Document, Operation};
use super::documents;
use super::failures::Failures;
use super::table;
use super::world::{self, Targets, World, best_caller};
use super::{callers::Caller, table::Target};
use crate::support::{Backend, Server, tests};
use serde_json::json;

tests![a_cursor_opens_no_other_list];

/// Two routes to one list each: a person's and a program's.
const SAME_LISTS: [[&str; 2]; 3] = [
    ["GET /v1/workspaces/{workspaceId}/members", "GET /v1/members"],
    ["GET /v1/workspaces/{workspaceId}/articles", "GET /v1/articles"],
    ["GET /v1/workspaces/{workspaceId}/articles/{articleId}/comments", "GET /v1/articles/{articleId}/comments"],
];

/// The first page's cursor.
async fn cursor(
    server: &Server,
    world: &World<'_>,
    operation: &Operation,
    caller: Caller,
    targets: &Targets,
) -> Option<String> {
    let path = format!("{}?pageSize=1", operation.path);
    let call = super::reply::Call::new("GET", &targets.fill(&path)).headers(world.credentials(caller));
    let reply = call.send(server, format!("the first page of {} as {caller:?}", operation.name)).await;
    assert_eq!(reply.unless(200), None);
    reply.body["nextCursor"].as_str().map(str::to_owned)
}

async fn a_cursor_opens_no_other_list(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    for tenant in [&world.acme, &world.globex] {
        tenant.add_workspace("Second").await;
        tenant.invite("one@example.com", "member", &[]).await;
        tenant.create_key(&tenant.owner, json!({})).await;
        documents::add_article(tenant).await;
        let request = server.post("/v1/organizations").bearer(&tenant.owner.id_token);
        request.json(json!({ "name": "Second" })).send().await.expect(201);
    }
    let own = world.standing(Target::Standing);
    documents::add_comment(&world.acme, &own["articleId"]).await;
    documents::add_comment(&world.globex, &world.of_globex["articleId"]).await;
    let mut cursors = Vec::new();
    let lists: Vec<&Operation> = document.operations.iter().filter(|operation| operation.is_list()).collect();
    for list in &lists {
        let of_program = table::usual(&list.name).who.is_of_programs();
        let theirs = if of_program { Caller::OtherTenantsKey } else { Caller::OtherTenantsOwner };
        let callers = [(best_caller(table::usual(&list.name)), &own), (theirs, &world.of_globex)];
        for (caller, targets) in callers {
            let cursor = cursor(&server, &world, list, caller, targets).await;
            let cursor = cursor.unwrap_or_else(|| panic!("{} of {caller:?} has one page", list.name));
            cursors.push((list.name.as_str(), caller, cursor));
        }
    }
    let mut failures = Failures::default();
    for list in &lists {
        let reader = best_caller(table::usual(&list.name));
        for (origin, owner, cursor) in &cursors {
            let both = |pair: &[&str; 2]| pair.contains(origin) && pair.contains(&list.name.as_str());
            let is_same = *origin == list.name || SAME_LISTS.iter().any(both);
            let is_own = !matches!(owner, Caller::OtherTenantsOwner | Caller::OtherTenantsKey);
            let target = format!("{}?cursor={cursor}", own.fill(&list.path));
            let call = super::reply::Call::new("GET", &target).headers(world.credentials(reader));
            let reply = call.send(&server, format!("{} with {owner:?}'s cursor of {origin}", list.name)).await;
            failures.cell(match is_same && is_own {
                true => reply.unless(200),
                false => reply.unless_error(400, "bad_request"),
            });
        }
    }
    failures.conclude(98);
}
