//! What counts, as what, and that it is exact.

use super::{HOUR, begin_an_hour, buckets, lift_limits, of_key, of_workspace, sum, use_key, written};
use crate::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::tenant::Key;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;
use std::time::Duration;

tests![
    each_outcome_counts_as_what_it_is,
    a_key_that_does_not_work_counts_what_it_was_refused,
    a_request_above_the_limit_is_limited_and_not_refused,
    a_gateways_question_counts_once_for_the_key_that_it_is_about,
    what_nobody_has_counts_for_nobody,
    parallel_requests_are_counted_exactly,
    a_node_that_keeps_few_keys_or_none_counts_as_exactly,
];

async fn each_outcome_counts_as_what_it_is(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await;
    let get = |path: &str, key: &Key| server.get(path).bearer(&key.plaintext);
    get("/v1/whoami", &key).send().await.expect(200);
    get("/v1/members", &key).send().await.expect(200);
    get("/v1/forward-auth?permission=content:read", &key).send().await.expect(200);
    get("/v1/members?pageSize=0", &key).send().await.expect(400);
    get("/v1/nothing", &key).send().await.expect(404);
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [5, 0, 0]);
    get("/v1/me", &key).send().await.expect_error(403, "credential_not_accepted");
    get("/v1/forward-auth?permission=content:write", &key).send().await.expect_error(403, "insufficient_permission");
    let elsewhere = tenant.add_workspace("Elsewhere").await;
    let named = get("/v1/whoami", &key).header("x-workspace-id", &elsewhere);
    named.send().await.expect_error(403, "workspace_mismatch");
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [5, 0, 3]);
    get("/v1/forward-auth?permission=content:write", &read_only).send().await.expect_error(403, "read_only_key");
    assert_eq!(sum(&of_key(&server, &tenant, &read_only, "").await), [0, 0, 1]);
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [5, 0, 4]);
    // It is not written in another way than it was counted.
    until("written", async || written(&server, &key) == [[5, 0, 3]]).await;
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [5, 0, 4]);
}

async fn a_key_that_does_not_work_counts_what_it_was_refused(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let use_it = async |key: &Key, status: u16, code: &str| {
        for _ in 0..2 {
            server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(status, code);
        }
        assert_eq!(sum(&of_key(&server, &tenant, key, "").await), [0, 0, 2], "{code}");
    };
    let (owner, leaver) = (&tenant.owner, tenant.add_to_workspace("editor").await);
    let soon = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let expired = tenant.create_key(owner, json!({ "expiresAt": soon })).await;
    let bound = tenant.create_key(owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await;
    let orphaned = tenant.create_key(&leaver, json!({})).await;
    let lapsed = tenant.create_key(owner, json!({})).await;
    for (how, code) in [("/disable", "api_key_disabled"), ("/revoke", "api_key_revoked")] {
        let key = tenant.create_key(owner, json!({})).await;
        server.post(&tenant.key_path(&key, how)).bearer(&owner.id_token).send().await.expect(200);
        use_it(&key, 401, code).await;
    }
    server.clock.advance(Duration::from_secs(61));
    use_it(&expired, 401, "api_key_expired").await;
    use_it(&bound, 403, "ip_not_allowed").await;
    let member = tenant.organization_path(&format!("/members/{}", leaver.user_id));
    server.delete(&member).bearer(&owner.id_token).send().await.expect(200);
    use_it(&orphaned, 401, "api_key_orphaned").await;
    let cancel = ["subscription", "set", &tenant.organization_id, "--status", "canceled"];
    process::run(&server.database, &cancel).await;
    use_it(&lapsed, 403, "subscription_inactive").await;
}

async fn a_request_above_the_limit_is_limited_and_not_refused(db: Backend) {
    let server = Server::with(db, |config| {
        for plan in config.plans.values_mut() {
            (plan.requests_per_minute, plan.burst) = (1, 3);
        }
    })
    .await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    use_key(&server, &key, 3).await;
    for _ in 0..2 {
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(429, "rate_limited");
    }
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [3, 2, 0]);
}

async fn a_gateways_question_counts_once_for_the_key_that_it_is_about(db: Backend) {
    let server = Server::with(db, |config| {
        for plan in config.plans.values_mut() {
            (plan.requests_per_minute, plan.burst) = (1, 10);
        }
    })
    .await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let elsewhere = tenant.add_workspace("Elsewhere").await;
    let gateway = Gateway::new(&server).await;
    let ask = async |more: serde_json::Value, code: &str| {
        let mut question = json!({ "key": key.plaintext });
        question.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        assert_eq!(gateway.verify(question).await["code"], code);
    };
    ask(json!({ "cost": 7 }), "VALID").await;
    ask(json!({ "cost": 7 }), "RATE_LIMITED").await;
    ask(json!({ "permission": "content:write" }), "INSUFFICIENT_PERMISSION").await;
    ask(json!({ "workspaceId": elsewhere }), "NOT_FOUND").await;
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [1, 1, 2]);
    server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    ask(json!({}), "DISABLED").await;
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [1, 1, 3]);
    // A question that is not understood is about no key.
    gateway.ask(json!({ "key": key.plaintext, "cost": 0 })).await.expect(422);
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [1, 1, 3]);
}

async fn what_nobody_has_counts_for_nobody(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let deleted = tenant.create_key(&tenant.owner, json!({})).await;
    server.delete(&tenant.key_path(&deleted, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    let request = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let rolled = request.send().await.expect(200).text_at("/plaintext");
    let last = if rolled.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &rolled[..rolled.len() - 1]);
    for nobodys in [&deleted.plaintext, &key.plaintext, &mistyped] {
        server.get("/v1/whoami").bearer(nobodys).send().await.expect_error(401, "invalid_api_key");
    }
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [0, 0, 0]);
    server.get("/v1/whoami").bearer(&rolled).send().await.expect(200);
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [1, 0, 0]);
}

/// `times` requests on each of eight connections at once.
async fn storm(server: &Server, key: &Key, times: usize) {
    let url = server.url("/v1/whoami");
    let mut storms = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (url, bearer) = (url.clone(), format!("Bearer {}", key.plaintext));
        storms.spawn(async move {
            let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
            for _ in 0..times {
                let answer = client.get(&url).header("authorization", &bearer).send().await.expect("an answer");
                assert_eq!(answer.status(), 200);
            }
        });
    }
    while let Some(ended) = storms.join_next().await {
        ended.expect("no panic");
    }
}

fn hours_with_counts(usage: &Answer) -> Vec<super::Counts> {
    buckets(usage).into_iter().map(|(_, counts)| counts).filter(|counts| *counts != [0; 3]).collect()
}

async fn parallel_requests_are_counted_exactly(db: Backend) {
    let server = Server::with(db, |config| {
        lift_limits(config);
        config.server.workers = 3;
    })
    .await;
    begin_an_hour(&server);
    let mut tenant = Tenant::new(&server).await;
    let creator = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&creator, json!({})).await;
    storm(&server, &key, 50).await;
    // Each of these makes the record in memory stale: the next request has another one.
    let changes = async {
        for n in 0..10 {
            let role = if n % 2 == 0 { "viewer" } else { "admin" };
            let member = tenant.workspace_path(&format!("/members/{}", creator.user_id));
            let change = server.put(&member).bearer(&tenant.owner.id_token).json(json!({ "role": role }));
            change.send().await.expect(200);
            let rename = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
            rename.json(json!({ "name": format!("Name {n}") })).send().await.expect(200);
        }
    };
    // And every write fails for a while.
    server.database.execute("ALTER TABLE api_key_usage RENAME TO elsewhere");
    tokio::join!(storm(&server, &key, 100), changes);
    server.database.execute("ALTER TABLE elsewhere RENAME TO api_key_usage");
    server.clock.advance(HOUR);
    tenant.owner.refresh(&server).await;
    tokio::join!(storm(&server, &key, 70), storm(&server, &key, 30));
    let expected = [[8 * 150, 0, 0], [8 * 100, 0, 0]];
    assert_eq!(hours_with_counts(&of_key(&server, &tenant, &key, "").await), expected);
    until("written", async || written(&server, &key) == expected).await;
    assert_eq!(hours_with_counts(&of_key(&server, &tenant, &key, "").await), expected);
    // While the hour turns each request counts in one of the two.
    let turn = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.clock.advance(HOUR);
    };
    tokio::join!(storm(&server, &key, 100), turn);
    tenant.owner.refresh(&server).await;
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [8 * 350, 0, 0]);
}

async fn a_node_that_keeps_few_keys_or_none_counts_as_exactly(db: Backend) {
    for cached_keys in [0, 1] {
        let server = Server::with(db, |config| {
            lift_limits(config);
            config.cluster.cached_keys = cached_keys;
        })
        .await;
        begin_an_hour(&server);
        let tenant = Tenant::new(&server).await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(tenant.create_key(&tenant.owner, json!({})).await);
        }
        for _ in 0..4 {
            for key in &keys {
                use_key(&server, key, 2).await;
            }
        }
        for key in &keys {
            assert_eq!(sum(&of_key(&server, &tenant, key, "").await), [8, 0, 0], "{cached_keys}");
        }
        until("written", async || keys.iter().all(|key| written(&server, key) == [[8, 0, 0]])).await;
    }
}
