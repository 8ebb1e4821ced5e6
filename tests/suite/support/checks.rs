//! The ground that the other tests stand on.

use super::dump::{assert_unchanged, dump};
use super::process::{self, Keyward};
use super::raw::raw;
use super::{Backend, Server, Tenant, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_server_answers,
    each_server_has_a_database_of_its_own,
    a_second_node_shares_the_database_and_the_clock,
    a_tenant_has_an_owner_a_workspace_members_and_keys,
    a_dump_shows_every_change,
    the_binary_serves_and_stops,
];

async fn a_server_answers(db: Backend) {
    let server = Server::start(db).await;
    server.get("/healthz").send().await.expect(200);
    server.get("/v1/me").send().await.expect_error(401, "missing_credentials");
    let request = "GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: \u{fc}\r\n\r\n";
    let (status, headers, body) = raw(&server, request).await;
    assert_eq!(status, 401, "{}", String::from_utf8_lossy(&body));
    assert!(headers.contains_key("x-request-id"));
}

async fn each_server_has_a_database_of_its_own(db: Backend) {
    let (one, other) = (Server::start(db).await, Server::start(db).await);
    let tenant = Tenant::new(&one).await;
    assert!(dump(&one.database)["organizations"].contains(&tenant.organization_id));
    assert_eq!(dump(&other.database)["organizations"], "");
    assert_eq!(
        dump(&one.database)["signing_keys"],
        dump(&other.database)["signing_keys"],
        "made once, in the template"
    );
}

async fn a_second_node_shares_the_database_and_the_clock(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|config| config.keys.prefix = "other_".to_owned()).await;
    let tenant = Tenant::new(&server).await;
    node.get(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).send().await.expect(200);
    server.clock.advance(Duration::from_secs(3600 + 300));
    let late = node.get("/v1/me").bearer(&tenant.owner.id_token).send().await;
    late.expect_error(401, "id_token_expired");
}

async fn a_tenant_has_an_owner_a_workspace_members_and_keys(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({ "name": "CI" })).await;
    assert_eq!(key.body["role"], "editor");
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["keyId"], key.id.as_str());
}

async fn a_dump_shows_every_change(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = dump(&server.database);
    let request = server.post("/v1/organizations").bearer(&tenant.owner.id_token).json(json!({ "name": 7 }));
    request.send().await.expect_error(422, "validation_failed");
    assert_unchanged(&before, &server.database);
    tenant.add_workspace("Staging").await;
    assert_ne!(before["workspaces"], dump(&server.database)["workspaces"]);
}

async fn the_binary_serves_and_stops(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut child = Keyward::serve(server.database.clone(), "keys.prefix = \"so_\"").await;
    child.get("/v1/me").bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(child.terminate().success());
    let accounts = process::run(&server.database, &["user", "list"]).await;
    assert!(accounts.contains(&tenant.owner.email), "{accounts}");
}
