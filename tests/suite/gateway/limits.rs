//! What verify uses up of a key's rate limit.

use super::Gateway;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::{Config, RateLimitStore};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    verify_and_direct_calls_share_one_limit,
    a_cost_counts_as_so_many_requests,
    the_tighter_limit_is_told,
    a_refusal_for_another_reason_uses_nothing_up,
    two_nodes_share_the_limit_in_redis,
];

/// One request a minute, so that what a slow machine takes for a test does not matter.
fn limit(config: &mut Config, burst: u32, workspace_burst: u32) {
    let plan = config.plans.get_mut("free").expect("there is a free plan");
    (plan.requests_per_minute, plan.burst) = (1, burst);
    (plan.workspace_requests_per_minute, plan.workspace_burst) = (Some(1), Some(workspace_burst));
}

/// The code, the limit, and what is left of it.
async fn verdict(gateway: &Gateway<'_>, question: Value) -> (String, u64, u64) {
    let answer = gateway.verify(question).await;
    let number = |name: &str| answer["rateLimit"][name].as_u64().expect("a number");
    (answer.text_at("/code"), number("limit"), number("remaining"))
}

async fn verify_and_direct_calls_share_one_limit(db: Backend) {
    let server = Server::with(db, |config| limit(config, 4, 100)).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let question = json!({ "key": key });
    assert_eq!(verdict(&gateway, question.clone()).await, ("VALID".into(), 4, 3));
    server.get("/v1/whoami").bearer(&key).send().await.expect(200);
    server.get("/v1/forward-auth").bearer(&key).send().await.expect(200);
    assert_eq!(verdict(&gateway, question.clone()).await, ("VALID".into(), 4, 0));
    let refused = gateway.verify(question.clone()).await;
    assert!(refused["code"] == "RATE_LIMITED" && refused["keyId"].is_string(), "{}", refused.text);
    let wait = refused["rateLimit"]["resetSeconds"].as_u64().expect("a number");
    assert!((1..=60).contains(&wait), "{wait}");
    server.get("/v1/whoami").bearer(&key).send().await.expect_error(429, "rate_limited");
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(verdict(&gateway, question).await, ("VALID".into(), 4, 0));
}

async fn a_cost_counts_as_so_many_requests(db: Backend) {
    let server = Server::with(db, |config| limit(config, 10, 100)).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let cost = |cost: u32| verdict(&gateway, json!({ "key": key, "cost": cost }));
    assert_eq!(cost(1).await, ("VALID".into(), 10, 9));
    assert_eq!(cost(4).await, ("VALID".into(), 10, 5));
    assert_eq!(cost(6).await, ("RATE_LIMITED".into(), 10, 5), "what is refused is not charged");
    assert_eq!(cost(5).await, ("VALID".into(), 10, 0));
    let other = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let above_the_burst = verdict(&gateway, json!({ "key": other, "cost": 11 })).await;
    assert_eq!(above_the_burst, ("RATE_LIMITED".into(), 10, 10));
}

async fn the_tighter_limit_is_told(db: Backend) {
    let server = Server::with(db, |config| limit(config, 5, 7)).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let one = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let two = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let ask = |key: &str, cost: u32| verdict(&gateway, json!({ "key": key, "cost": cost }));
    assert_eq!(ask(&one, 4).await, ("VALID".into(), 5, 1), "the key's");
    assert_eq!(ask(&two, 1).await, ("VALID".into(), 7, 2), "the workspace's");
    assert_eq!(ask(&two, 3).await, ("RATE_LIMITED".into(), 7, 2));
}

async fn a_refusal_for_another_reason_uses_nothing_up(db: Backend) {
    let server = Server::with(db, |config| limit(config, 2, 2)).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let elsewhere = tenant.add_workspace("Elsewhere").await;
    for _ in 0..5 {
        let refused = gateway.verify(json!({ "key": key, "permission": "organization:manage" })).await;
        assert!(refused["code"] == "INSUFFICIENT_PERMISSION" && refused["rateLimit"].is_null(), "{}", refused.text);
        let missing = gateway.verify(json!({ "key": key, "workspaceId": elsewhere })).await;
        assert_eq!(missing["code"], "NOT_FOUND");
    }
    assert_eq!(verdict(&gateway, json!({ "key": key })).await, ("VALID".into(), 2, 1));
}

async fn two_nodes_share_the_limit_in_redis(db: Backend) {
    let redis = crate::support::redis::Redis::start().await;
    let store = RateLimitStore::Redis(redis.url());
    let first = Server::with(db, |config| {
        limit(config, 5, 100);
        (config.rate_limit.store, config.rate_limit.timeout) = (store, Duration::from_secs(5));
    })
    .await;
    let second = first.another(|_| {}).await;
    let (tenant, gateway) = (Tenant::new(&first).await, Gateway::new(&first).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    assert_eq!(verdict(&gateway, json!({ "key": key, "cost": 3 })).await, ("VALID".into(), 5, 2));
    second.get("/v1/whoami").bearer(&key).send().await.expect(200);
    assert_eq!(verdict(&gateway.at(&second), json!({ "key": key })).await, ("VALID".into(), 5, 0));
    assert_eq!(verdict(&gateway, json!({ "key": key })).await, ("RATE_LIMITED".into(), 5, 0));
}
