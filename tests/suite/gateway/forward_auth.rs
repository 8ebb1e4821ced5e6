//! `GET /v1/forward-auth`: yes with headers, or the refusal that any program gets.

use super::Gateway;
use crate::support::http::Answer;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;

tests![
    a_good_key_passes_and_the_headers_say_whose_it_is,
    a_permission_is_asked_for_in_the_query,
    what_no_program_may_do_is_refused_as_everywhere,
    other_credentials_and_malformed_questions_are_refused,
];

fn headers(answer: &Answer) -> [Option<&str>; 5] {
    ["key-id", "workspace-id", "organization-id", "role", "scope"]
        .map(|name| answer.header(&format!("x-keyward-{name}")))
}

async fn a_good_key_passes_and_the_headers_say_whose_it_is(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({ "scope": "read_only" })).await;
    for name in ["authorization", "x-api-key"] {
        let value = if name == "authorization" { format!("Bearer {}", key.plaintext) } else { key.plaintext.clone() };
        let request = server.get("/v1/forward-auth").header(name, &value).header("x-keyward-role", "admin");
        let answer = request.send().await.expect(200);
        let (id, workspace, organization) = (&*key.id, &*tenant.workspace_id, &*tenant.organization_id);
        let expected = [id, workspace, organization, "editor", "read_only"].map(Some);
        assert_eq!(headers(&answer), expected);
        assert_eq!((answer.text.as_str(), answer.header("cache-control")), ("", Some("no-store")));
        assert!(answer.header("ratelimit").is_some() && answer.header("ratelimit-policy").is_some());
    }
}

async fn a_permission_is_asked_for_in_the_query(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let viewers = tenant.create_key(&viewer, json!({})).await.plaintext;
    let full = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await.plaintext;
    let ask = async |key: &str, permission: &str| {
        server.get(&format!("/v1/forward-auth?permission={permission}")).bearer(key).send().await
    };
    for key in [&viewers, &full, &read_only] {
        ask(key, "content:read").await.expect(200);
    }
    ask(&full, "content:write").await.expect(200);
    ask(&full, "content%3Awrite").await.expect(200);
    let refused = ask(&viewers, "content:write").await.expect_error(403, "insufficient_permission");
    assert_eq!(headers(&refused), [None; 5]);
    ask(&read_only, "content:write").await.expect_error(403, "read_only_key");
    ask(&full, "organization:manage").await.expect_error(403, "insufficient_permission");
}

async fn what_no_program_may_do_is_refused_as_everywhere(db: Backend) {
    let server = Server::with(db, |config| {
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (1, 2);
    })
    .await;
    let second = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let ask = async |node: &Server, key: &str| node.get("/v1/forward-auth").bearer(key).send().await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    ask(&second, &key.plaintext).await.expect(200);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let refused = ask(&second, &key.plaintext).await.expect_error(401, "api_key_revoked");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(headers(&refused), [None; 5]);
    let bound = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await;
    ask(&server, &bound.plaintext).await.expect_error(403, "ip_not_allowed");
    let busy = tenant.create_key(&tenant.owner, json!({})).await;
    let elsewhere = server.get("/v1/forward-auth").bearer(&busy.plaintext);
    let elsewhere = elsewhere.header("x-workspace-id", "ws_01k4w5c9q2e0vb7m3t8z6r1xhd").send().await;
    elsewhere.expect_error(403, "workspace_mismatch");
    ask(&server, &busy.plaintext).await.expect(200);
    ask(&server, &busy.plaintext).await.expect_error(429, "rate_limited");
    process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", "canceled"]).await;
    ask(&server, &busy.plaintext).await.expect_error(403, "subscription_inactive");
}

async fn other_credentials_and_malformed_questions_are_refused(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    for credential in [&tenant.owner.id_token, &gateway.token] {
        let answer = server.get("/v1/forward-auth").bearer(credential).send().await;
        answer.expect_error(403, "credential_not_accepted");
    }
    server.get("/v1/forward-auth").send().await.expect_error(401, "missing_credentials");
    for query in [
        "permission=",
        "permission=content:delete",
        "permissions=content:read",
        "permission=content:read&permission=content:write",
    ] {
        let answer = server.get(&format!("/v1/forward-auth?{query}")).bearer(&key).send().await;
        answer.expect_error(400, "bad_request");
    }
}
