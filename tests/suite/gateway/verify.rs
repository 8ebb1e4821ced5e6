//! `POST /v1/keys/verify`: every code, and who may ask.

use super::{Gateway, nothing};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::is_timestamp;
use crate::support::{Backend, Server, Tenant, process, tests, tests_once};
use keyward::domain::api_keys::KeyFormat;
use serde_json::json;
use std::time::{Duration, Instant};

tests![
    a_good_key_is_valid_with_all_there_is_to_know,
    a_key_that_does_not_work_says_why_and_whose_it_is,
    an_expiry_and_the_end_of_an_overlap_count_from_that_moment,
    a_key_that_nobody_has_is_not_found_and_tells_nothing,
    another_workspaces_key_is_not_found_whatever_became_of_it,
    a_permission_is_what_role_and_scope_hold_now,
    an_organization_that_does_not_pay_is_told,
    the_clients_address_counts_behind_a_trusted_gateway_only,
    the_first_reason_counts,
    only_services_ask,
    a_malformed_question_is_refused_and_uses_nothing_up,
    a_change_on_one_node_is_seen_at_once_on_another,
    unknown_keys_of_many_clients_never_stop_a_gateway,
];

tests_once![a_postgresql_that_is_away_is_503_and_no_answer_about_the_key];

async fn a_good_key_is_valid_with_all_there_is_to_know(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let editor = tenant.add_to_workspace("editor").await;
    let end = server.clock.now().plus(Duration::from_secs(3600)).to_string();
    let key = tenant.create_key(&editor, json!({ "expiresAt": end })).await;
    for _ in 0..2 {
        let mut answer = gateway.verify(json!({ "key": key.plaintext, "workspaceId": tenant.workspace_id })).await;
        let limit = answer.body["rateLimit"].take();
        assert!(limit["limit"] == 100 && limit["remaining"].is_u64() && limit["resetSeconds"] == 1, "{limit}");
        let expected = json!({
            "valid": true, "code": "VALID", "keyId": key.id, "workspaceId": tenant.workspace_id,
            "organizationId": tenant.organization_id, "role": "editor", "scope": "full",
            "permissions": ["workspace:read", "members:read", "content:read", "content:write", "keys:own"],
            "expiresAt": end, "rateLimit": null,
        });
        assert_eq!(answer.body, expected);
    }
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await;
    let answer = gateway.verify(json!({ "key": read_only.plaintext, "permission": null, "cost": null })).await;
    assert!(answer["role"] == "admin" && answer["scope"] == "read_only" && answer["expiresAt"].is_null());
    assert_eq!(answer["permissions"], json!(["workspace:read", "members:read", "content:read"]));
}

async fn a_key_that_does_not_work_says_why_and_whose_it_is(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let owner = &tenant.owner.id_token;
    for (path, code) in [("/revoke", "REVOKED"), ("/disable", "DISABLED")] {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        assert_eq!(gateway.code(&key.plaintext).await, "VALID");
        server.post(&tenant.key_path(&key, path)).bearer(owner).send().await.expect(200);
        let answer = gateway.verify(json!({ "key": key.plaintext })).await;
        let expected = json!({
            "valid": false, "code": code, "keyId": key.id, "workspaceId": tenant.workspace_id,
            "organizationId": tenant.organization_id, "role": "admin", "scope": "full",
            "permissions": answer["permissions"], "expiresAt": null, "rateLimit": null,
        });
        assert_eq!(answer.body, expected);
    }
    let leaver = tenant.add_to_workspace("editor").await;
    let orphan = tenant.create_key(&leaver, json!({})).await;
    assert_eq!(gateway.code(&orphan.plaintext).await, "VALID");
    let path = tenant.workspace_path(&format!("/members/{}", leaver.user_id));
    server.delete(&path).bearer(owner).send().await.expect(200);
    let answer = gateway.verify(json!({ "key": orphan.plaintext })).await;
    assert!(answer["code"] == "ORPHANED" && answer["keyId"] == orphan.id.as_str(), "{}", answer.text);
    assert!(answer["role"].is_null() && answer["permissions"].is_null() && answer["scope"] == "full");
}

async fn an_expiry_and_the_end_of_an_overlap_count_from_that_moment(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let expiring = tenant.create_key(&tenant.owner, json!({ "expiresAt": end })).await;
    let rolled = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&rolled, "/roll")).bearer(&tenant.owner.id_token);
    let fresh = roll.json(json!({ "overlapSeconds": 60 })).send().await.expect(200).text_at("/plaintext");
    assert_eq!(gateway.code(&expiring.plaintext).await, "VALID");
    let old = gateway.verify(json!({ "key": rolled.plaintext })).await;
    assert!(old["code"] == "VALID" && old["expiresAt"].as_str().is_some_and(is_timestamp), "{}", old.text);
    server.clock.advance(Duration::from_secs(61));
    let expired = gateway.verify(json!({ "key": expiring.plaintext })).await;
    assert!(expired["code"] == "EXPIRED" && expired["keyId"] == expiring.id.as_str(), "{}", expired.text);
    assert_eq!(expired["expiresAt"], end);
    assert_eq!(gateway.verify(json!({ "key": rolled.plaintext })).await.body, nothing());
    assert_eq!(gateway.code(&fresh).await, "VALID");
}

async fn a_key_that_nobody_has_is_not_found_and_tells_nothing(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let deleted = tenant.create_key(&tenant.owner, json!({})).await;
    let typo = format!("{}{}", &deleted.plaintext[..39], if deleted.plaintext.ends_with('a') { "b" } else { "a" });
    server.delete(&tenant.key_path(&deleted, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    let unknown = KeyFormat::base62("sk_live_").generate();
    let long = "x".repeat(100_000);
    let texts =
        [&deleted.plaintext, &typo, unknown.expose(), "", "a\0b", "é", &tenant.owner.id_token, &gateway.token, &long];
    for text in texts {
        assert_eq!(gateway.verify(json!({ "key": text })).await.body, nothing());
    }
}

async fn another_workspaces_key_is_not_found_whatever_became_of_it(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let gateway = Gateway::new(&server).await;
    let sibling = tenant.add_workspace("Sibling").await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let bound = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await;
    let revoked = tenant.create_key(&tenant.owner, json!({})).await;
    let revoke = server.post(&tenant.key_path(&revoked, "/revoke")).bearer(&tenant.owner.id_token);
    revoke.send().await.expect(200);
    for key in [&key, &bound, &revoked] {
        for id in [&other.workspace_id, &sibling, "ws_01k4w5c9q2e0vb7m3t8z6r1xhd"] {
            let question = json!({ "key": key.plaintext, "workspaceId": id, "permission": "organization:manage" });
            assert_eq!(gateway.verify(question).await.body, nothing());
        }
    }
    let own = gateway.verify(json!({ "key": key.plaintext, "workspaceId": tenant.workspace_id })).await;
    assert_eq!((&own["code"], &own["rateLimit"]["remaining"]), (&json!("VALID"), &json!(99)), "nothing was counted");
}

async fn a_permission_is_what_role_and_scope_hold_now(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let editor = tenant.add_to_workspace("editor").await;
    let full = tenant.create_key(&editor, json!({})).await;
    let read_only = tenant.create_key(&editor, json!({ "scope": "read_only" })).await;
    let code = async |key: &str, permission: &str| {
        gateway.verify(json!({ "key": key, "permission": permission })).await.text_at("/code")
    };
    let rows = [
        (&full, "content:read", "VALID"),
        (&full, "content:write", "VALID"),
        (&full, "keys:manage", "INSUFFICIENT_PERMISSION"),
        (&full, "organization:read", "INSUFFICIENT_PERMISSION"),
        (&read_only, "content:read", "VALID"),
        (&read_only, "content:write", "INSUFFICIENT_PERMISSION"),
    ];
    for (key, permission, expected) in rows {
        assert_eq!(code(&key.plaintext, permission).await, expected, "{permission}");
    }
    let refused = gateway.verify(json!({ "key": full.plaintext, "permission": "keys:manage" })).await;
    assert!(refused["keyId"] == full.id.as_str() && refused["role"] == "editor" && refused["rateLimit"].is_null());
    let path = tenant.workspace_path(&format!("/members/{}", editor.user_id));
    let demote = server.put(&path).bearer(&tenant.owner.id_token).json(json!({ "role": "viewer" }));
    demote.send().await.expect(200);
    assert_eq!(code(&full.plaintext, "content:write").await, "INSUFFICIENT_PERMISSION");
    assert_eq!(code(&full.plaintext, "content:read").await, "VALID");
}

async fn an_organization_that_does_not_pay_is_told(db: Backend) {
    let server = Server::start(db).await;
    let free = server.another(|config| config.subscription.enforce = false).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(gateway.code(&key.plaintext).await, "VALID");
    let set = ["subscription", "set", &tenant.organization_id, "--status", "past_due"];
    process::run(&server.database, &set).await;
    let answer = gateway.verify(json!({ "key": key.plaintext })).await;
    assert!(answer["code"] == "SUBSCRIPTION_INACTIVE" && answer["keyId"] == key.id.as_str(), "{}", answer.text);
    assert_eq!(gateway.at(&free).code(&key.plaintext).await, "VALID");
}

async fn the_clients_address_counts_behind_a_trusted_gateway_only(db: Backend) {
    let server = Server::start(db).await;
    let trusting = server.another(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a block")];
    });
    let trusting = trusting.await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await;
    let code = async |node: &Server, address: &str| {
        let request = node.post("/v1/keys/verify").bearer(&gateway.token).header("x-forwarded-for", address);
        let answer = request.json(json!({ "key": key.plaintext })).send().await.expect(200);
        assert_eq!(answer["keyId"], key.id.as_str());
        answer.text_at("/code")
    };
    assert_eq!(code(&server, "203.0.113.7").await, "IP_NOT_ALLOWED");
    assert_eq!(code(&trusting, "203.0.113.7").await, "VALID");
    assert_eq!(code(&trusting, "198.51.100.1").await, "IP_NOT_ALLOWED");
}

async fn the_first_reason_counts(db: Backend) {
    let server = Server::with(db, |config| {
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (1, 1);
    })
    .await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let code = async || {
        gateway.verify(json!({ "key": key.plaintext, "permission": "organization:manage" })).await.text_at("/code")
    };
    // Each new reason goes before those that hold already.
    assert_eq!(gateway.code(&key.plaintext).await, "VALID");
    assert_eq!(gateway.code(&key.plaintext).await, "RATE_LIMITED");
    assert_eq!(code().await, "INSUFFICIENT_PERMISSION");
    let set = ["subscription", "set", &tenant.organization_id, "--status", "canceled"];
    process::run(&server.database, &set).await;
    assert_eq!(code().await, "SUBSCRIPTION_INACTIVE");
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
    change.json(json!({ "allowedIps": ["10.0.0.0/8"] })).send().await.expect(200);
    assert_eq!(code().await, "IP_NOT_ALLOWED");
    server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(code().await, "DISABLED");
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(code().await, "REVOKED");
}

async fn only_services_ask(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let token = process::run(&server.database, &["service-token", "create", "--name", "Old"]).await;
    let (id, token) = token.trim().split_once('\n').expect("two lines");
    crate::support::secrets::register(token);
    let ask = async |credential: &str| {
        let request = server.post("/v1/keys/verify").bearer(credential);
        request.json(json!({ "key": key.plaintext })).send().await
    };
    ask(token).await.expect(200);
    process::run(&server.database, &["service-token", "revoke", id]).await;
    let before = dump(&server.database);
    ask(token).await.expect_error(401, "api_key_revoked");
    ask(&tenant.owner.id_token).await.expect_error(403, "credential_not_accepted");
    ask(&key.plaintext).await.expect_error(403, "credential_not_accepted");
    let none = server.post("/v1/keys/verify").json(json!({ "key": key.plaintext })).send().await;
    none.expect_error(401, "missing_credentials");
    assert_unchanged(&before, &server.database);
}

async fn a_malformed_question_is_refused_and_uses_nothing_up(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let rows = [
        (json!({}), "must have the field `key`"),
        (json!({ "key": 1 }), "key"),
        (json!({ "key": key, "permission": "content:delete" }), "permission: must be one of: workspace:read, "),
        (json!({ "key": key, "permission": key }), "permission: must be one of: workspace:read, "),
        (json!({ "key": key, "workspaceId": "production" }), "workspaceId: must be an id such as ws_"),
        (json!({ "key": key, "cost": 0 }), "cost: must be an integer from 1 to 1000000"),
        (json!({ "key": key, "cost": -1 }), "cost: must be an integer from 1 to 1000000"),
        (json!({ "key": key, "cost": 1_000_001 }), "cost: must be an integer from 1 to 1000000"),
        (json!({ "key": key, "cost": 1.5 }), "cost"),
        (json!({ "key": key, "scope": "full" }), "`scope` is not a known field; known fields are key, "),
    ];
    for (question, reason) in rows {
        let message = gateway.ask(question).await.expect_error(422, "validation_failed").text_at("/error/message");
        assert!(message.contains(reason) && !message.contains(&key), "{message}");
    }
    let answer = gateway.verify(json!({ "key": key })).await;
    assert_eq!(answer["rateLimit"]["remaining"], 99);
}

async fn a_change_on_one_node_is_seen_at_once_on_another(db: Backend) {
    let server = Server::start(db).await;
    let second = server.another(|_| {}).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let there = gateway.at(&second);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for _ in 0..3 {
        assert_eq!(there.code(&key.plaintext).await, "VALID");
        server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
        assert_eq!(there.code(&key.plaintext).await, "DISABLED");
        server.post(&tenant.key_path(&key, "/enable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    }
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(there.code(&key.plaintext).await, "REVOKED");
}

async fn unknown_keys_of_many_clients_never_stop_a_gateway(db: Backend) {
    let server = Server::with(db, |config| config.rate_limit.unknown_keys_per_minute = 3).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let unknown = || KeyFormat::base62("sk_live_").generate();
    for _ in 0..10 {
        assert_eq!(gateway.code(unknown().expose()).await, "NOT_FOUND");
    }
    // None of them counts against the address either.
    server.get("/v1/whoami").bearer(unknown().expose()).send().await.expect_error(401, "invalid_api_key");
    for _ in 0..3 {
        server.get("/v1/whoami").bearer(unknown().expose()).send().await;
    }
    server.get("/v1/whoami").bearer(unknown().expose()).send().await.expect_error(429, "rate_limited");
    assert_eq!(gateway.code(unknown().expose()).await, "NOT_FOUND");
    assert_eq!(gateway.code(&key.plaintext).await, "VALID");
}

async fn a_postgresql_that_is_away_is_503_and_no_answer_about_the_key() {
    let quick = Duration::from_millis(300);
    let server = Server::with(Backend::Postgres, |config| {
        config.database.pool_timeout = quick;
        // It is asked as fast as it answers for as long as the lease lasts.
        for plan in config.plans.values_mut() {
            (plan.requests_per_minute, plan.burst) = (1_000_000, 1_000_000);
        }
    })
    .await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    assert_eq!(gateway.code(&key).await, "VALID");
    server.database.take_away();
    let unknown = KeyFormat::base62("sk_live_").generate();
    gateway.ask(json!({ "key": unknown.expose() })).await.expect_error(503, "unavailable");
    // What is in memory counts for as long as a change would have waited for this node.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = gateway.ask(json!({ "key": key })).await;
        if answer.status == 503 {
            answer.expect_error(503, "unavailable");
            break;
        }
        assert_eq!(answer.expect(200)["code"], "VALID");
        assert!(Instant::now() < deadline, "a lease without end");
    }
}
