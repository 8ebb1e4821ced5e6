//! Whoever holds a key can kill it.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::{Key, service_token};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    whoever_holds_a_key_kills_it_on_every_node,
    a_key_that_programs_are_refused_for_can_be_killed_all_the_same,
    a_key_that_has_stopped_already_is_answered_alike,
    only_a_key_that_somebody_has_kills_itself,
    a_value_from_before_a_roll_kills_the_key,
];

const PATH: &str = "/v1/whoami/revoke";

async fn shown(server: &Server, tenant: &Tenant<'_>, key: &Key) -> Value {
    server.get(&tenant.key_path(key, "")).bearer(&tenant.owner.id_token).send().await.expect(200).body
}

async fn whoever_holds_a_key_kills_it_on_every_node(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    for (request, header) in
        [(json!({ "name": "CI" }), "authorization"), (json!({ "scope": "read_only" }), "x-api-key")]
    {
        let key = tenant.create_key(&tenant.owner, request).await;
        for at in [&server, &node] {
            at.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
        }
        let value = if header == "authorization" { format!("Bearer {}", key.plaintext) } else { key.plaintext.clone() };
        let answer = server.post(PATH).header(header, &value).send().await.expect(204);
        assert_eq!(answer.text, "");
        for at in [&server, &node] {
            at.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
        }
        assert_eq!(shown(&server, &tenant, &key).await["status"], "revoked");
        let enable = server.post(&tenant.key_path(&key, "/enable")).bearer(&tenant.owner.id_token);
        enable.send().await.expect_error(409, "conflict");
    }
}

async fn a_key_that_programs_are_refused_for_can_be_killed_all_the_same(db: Backend) {
    let server = Server::with(db, |config| {
        for plan in config.plans.values_mut() {
            (plan.requests_per_minute, plan.burst) = (1, 1);
        }
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let limited = tenant.create_key(&tenant.owner, json!({})).await;
    server.get("/v1/whoami").bearer(&limited.plaintext).send().await.expect(200);
    server.get("/v1/whoami").bearer(&limited.plaintext).send().await.expect_error(429, "rate_limited");
    let elsewhere = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await;
    server.get("/v1/whoami").bearer(&elsewhere.plaintext).send().await.expect_error(403, "ip_not_allowed");
    let unpaid = tenant.create_key(&tenant.owner, json!({})).await;
    process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", "canceled"]).await;
    server.get("/v1/whoami").bearer(&unpaid.plaintext).send().await.expect_error(403, "subscription_inactive");
    for key in [&limited, &elsewhere, &unpaid] {
        let request = server.post(PATH).bearer(&key.plaintext).header("x-workspace-id", "ws_of_somebody_else");
        request.send().await.expect(204);
        assert_eq!(shown(&server, &tenant, key).await["status"], "revoked");
    }
}

async fn a_key_that_has_stopped_already_is_answered_alike(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let by_owner = |key: &Key, how: &str| server.post(&tenant.key_path(key, how)).bearer(&tenant.owner.id_token);
    let disabled = tenant.create_key(&tenant.owner, json!({})).await;
    by_owner(&disabled, "/disable").send().await.expect(200);
    let leaver = tenant.add_to_workspace("editor").await;
    let orphaned = tenant.create_key(&leaver, json!({})).await;
    let member = tenant.workspace_path(&format!("/members/{}", leaver.user_id));
    server.delete(&member).bearer(&tenant.owner.id_token).send().await.expect(200);
    let soon = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let expired = tenant.create_key(&tenant.owner, json!({ "expiresAt": soon })).await;
    server.clock.advance(Duration::from_secs(61));
    for key in [&disabled, &orphaned, &expired] {
        server.post(PATH).bearer(&key.plaintext).send().await.expect(204);
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
    }
    let revoked = tenant.create_key(&tenant.owner, json!({})).await;
    by_owner(&revoked, "/revoke").send().await.expect(200);
    let before = dump(&server.database);
    server.post(PATH).bearer(&revoked.plaintext).send().await.expect(204);
    let audited =
        ["audit_events", "api_keys"].map(|table| (before[table].clone(), dump(&server.database)[table].clone()));
    assert!(audited.iter().all(|(before, after)| before == after), "nothing new was done");
}

async fn only_a_key_that_somebody_has_kills_itself(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let deleted = tenant.create_key(&tenant.owner, json!({})).await;
    server.delete(&tenant.key_path(&deleted, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    let service = service_token(&server.database).await;
    let before = dump(&server.database);
    server.post(PATH).send().await.expect_error(401, "missing_credentials");
    server.post(PATH).bearer("sk_live_typo").send().await.expect_error(401, "invalid_api_key");
    server.post(PATH).bearer(&deleted.plaintext).send().await.expect_error(401, "invalid_api_key");
    server.post(PATH).bearer(&tenant.owner.id_token).send().await.expect_error(403, "credential_not_accepted");
    server.post(PATH).bearer(&service).send().await.expect_error(403, "credential_not_accepted");
    server.get(PATH).bearer(&deleted.plaintext).send().await.expect_error(405, "method_not_allowed");
    assert_unchanged(&before, &server.database);
}

async fn a_value_from_before_a_roll_kills_the_key(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let new = roll.json(json!({ "overlapSeconds": 3600 })).send().await.expect(200).text_at("/plaintext");
    server.post(PATH).bearer(&key.plaintext).send().await.expect(204);
    server.get("/v1/whoami").bearer(&new).send().await.expect_error(401, "api_key_revoked");
    let again = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&again, "/roll")).bearer(&tenant.owner.id_token);
    let new = roll.json(json!({ "overlapSeconds": 60 })).send().await.expect(200).text_at("/plaintext");
    server.clock.advance(Duration::from_secs(61));
    server.post(PATH).bearer(&again.plaintext).send().await.expect_error(401, "invalid_api_key");
    server.get("/v1/whoami").bearer(&new).send().await.expect(200);
}
