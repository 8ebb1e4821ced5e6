//! Handlers behind a guard: each asks in the name of the organization that it was let into.

use super::{Full, postgres, server, walled};
use crate::cluster::node::lift_limits;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Server, tests_once};
use futures_util::future::join_all;
use keyward::base::config::Config;
use keyward::base::ids::DocumentId;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

tests_once![
    handlers_behind_a_guard_see_only_what_their_organization_sees,
    connections_that_serve_one_tenant_after_the_other_show_each_its_own,
    without_sessions_of_their_own_tenants_see_their_own,
];

/// The policies of this test show rows to `*` alone. So whatever a handler still shows, it read without the wall.
async fn handlers_behind_a_guard_see_only_what_their_organization_sees() {
    let server = server().await;
    let full = Full::new(&server).await;
    let (tenant, key, note) = (&full.tenant, &full.key, &full.note);
    let owner = tenant.owner.id_token.as_str();
    let invitations = server.get(&tenant.organization_path("/invitations")).bearer(owner).send().await.expect(200);
    let invitation = invitations.text_at("/data/0/id");
    for table in walled(postgres(&mut server.database.connect())) {
        server.database.execute(&format!(
            "ALTER POLICY one_organization ON {table} USING (current_setting('keyward.organization', true) = '*')"
        ));
    }
    let before = dump(&server.database);
    let program = key.plaintext.as_str();
    // A person's workspace is found without the wall, since only its row says whose it is; nothing in it is.
    for path in ["/api-keys", "/members", "/notes"] {
        let list = server.get(&tenant.workspace_path(path)).bearer(owner).send().await.expect(200);
        assert_eq!(list.body["data"], json!([]), "{path}");
    }
    for path in ["/v1/members", "/v1/notes"] {
        let list = server.get(path).bearer(program).send().await.expect(200);
        assert_eq!(list.body["data"], json!([]), "{path}");
    }
    let rename = json!({ "name": "Other" });
    let of_workspace: [(Method, &str, Value); 13] = [
        (Method::PATCH, "", rename.clone()),
        (Method::GET, &format!("/api-keys/{}", key.id), Value::Null),
        (Method::PATCH, &format!("/api-keys/{}", key.id), rename.clone()),
        (Method::DELETE, &format!("/api-keys/{}", key.id), Value::Null),
        (Method::POST, &format!("/api-keys/{}/roll", key.id), Value::Null),
        (Method::POST, &format!("/api-keys/{}/disable", key.id), Value::Null),
        (Method::POST, &format!("/api-keys/{}/enable", key.id), Value::Null),
        (Method::POST, &format!("/api-keys/{}/revoke", key.id), Value::Null),
        (Method::POST, &format!("/api-keys/{}/transfer", key.id), json!({ "userId": tenant.owner.user_id })),
        (Method::GET, &format!("/notes/{note}"), Value::Null),
        (Method::PUT, &format!("/notes/{note}"), json!({})),
        (Method::PATCH, &format!("/notes/{note}"), json!({})),
        (Method::DELETE, &format!("/notes/{note}"), Value::Null),
    ];
    let of_organization: [(Method, &str, Value); 12] = [
        (Method::GET, "", Value::Null),
        (Method::PATCH, "", rename.clone()),
        (Method::DELETE, "", Value::Null),
        (Method::GET, "/workspaces", Value::Null),
        (Method::POST, "/workspaces", rename),
        (Method::GET, "/members", Value::Null),
        (Method::GET, "/subscription", Value::Null),
        (Method::GET, "/audit-events", Value::Null),
        (Method::GET, "/audit-events/export", Value::Null),
        (Method::GET, "/invitations", Value::Null),
        (Method::DELETE, &format!("/invitations/{invitation}"), Value::Null),
        (Method::POST, &format!("/invitations/{invitation}/resend"), Value::Null),
    ];
    let paths = of_workspace.map(|(method, path, body)| (method, tenant.workspace_path(path), body));
    let others = of_organization.map(|(method, path, body)| (method, tenant.organization_path(path), body));
    for (method, path, body) in paths.into_iter().chain(others) {
        let request = server.request(method.clone(), &path).bearer(owner);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await;
        assert_eq!((answer.status, answer.body["error"]["code"].as_str()), (404, Some("not_found")), "{method} {path}");
    }
    let note = format!("/v1/notes/{note}");
    server.get(&note).bearer(program).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

/// Each tenant, in parallel and in turn, through programs and people, reading and writing.
async fn serve_all(server: &Server, tenants: &[Full<'_>]) {
    for round in 0..6 {
        let visits = tenants.iter().chain(tenants).map(|full| async move {
            let (tenant, key) = (&full.tenant, &full.key);
            let owner = tenant.owner.id_token.as_str();
            let members = server.get("/v1/members").bearer(&key.plaintext).send().await.expect(200);
            let members = members.body["data"].as_array().expect("a list").clone();
            assert_eq!(members.len(), 2, "{members:?}");
            assert!(members.iter().any(|member| member["email"] == tenant.owner.email.as_str()), "{members:?}");
            let own = server.get(&format!("/v1/notes/{}", full.note)).bearer(&key.plaintext).send().await.expect(200);
            assert_eq!(own.text_at("/of"), tenant.organization_id);
            let keys = server.get(&tenant.workspace_path("/api-keys")).bearer(owner).send().await.expect(200);
            assert_eq!(keys.text_at("/data/0/id"), key.id);
            let name = json!({ "name": format!("Round {round}") });
            let changed = server.patch(&tenant.key_path(key, "")).bearer(owner).json(name).send().await.expect(200);
            assert_eq!(changed.text_at("/id"), key.id);
            let trail = server.get(&tenant.organization_path("/audit-events")).bearer(owner).send().await.expect(200);
            assert!(!trail.body["data"].as_array().expect("a list").is_empty());
            let me = server.get("/v1/me").bearer(owner).send().await.expect(200);
            assert_eq!(me.text_at("/organizations/0/id"), tenant.organization_id);
            // After an error a connection is told anew.
            let other = format!("/v1/notes/{}", DocumentId::new());
            server.get(&other).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
        });
        join_all(visits).await;
    }
}

async fn with_a_pool_of(connections: u32, change: impl Fn(&mut Config)) {
    let first = server().await;
    let mut tenants = Vec::new();
    for _ in 0..4 {
        tenants.push(Full::new(&first).await);
    }
    let node = first
        .another(|config| {
            config.database.pool_size = connections;
            config.database.pool_timeout = Duration::from_secs(60);
            lift_limits(config);
            change(config);
        })
        .await;
    serve_all(&node, &tenants).await;
}

async fn connections_that_serve_one_tenant_after_the_other_show_each_its_own() {
    for connections in [1, 2] {
        with_a_pool_of(connections, |_| {}).await;
    }
}

/// As behind a pooler that hands sessions around, which `cluster::pooler` has a real one of: each use is a transaction.
async fn without_sessions_of_their_own_tenants_see_their_own() {
    with_a_pool_of(2, |config| config.database.prepared_statements = false).await;
}
