//! Redis killed, and Redis hung: requests are answered in bounded time, as configured, and limits work again afterwards.

use super::{left, limit};
use crate::support::redis::Redis;
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::{RateLimitStore, WhenUnavailable};
use serde_json::json;
use std::time::{Duration, Instant};

tests![
    with_allow_each_node_counts_for_itself_while_redis_is_killed,
    with_deny_the_answer_is_503_while_redis_is_killed,
    a_redis_that_hangs_is_away_too,
    a_server_starts_without_its_redis,
];

/// Far below the time-out of a request, far above that of Redis, on a busy machine.
const BOUND: Duration = Duration::from_secs(10);
/// How long Redis may take to be noticed again.
const RETURN: Duration = Duration::from_secs(60);

async fn server(db: Backend, redis: &Redis, when_unavailable: WhenUnavailable, burst: u32) -> Server {
    let store = RateLimitStore::Redis(redis.url());
    Server::with(db, |config| {
        limit(config, burst, 1000);
        config.rate_limit.store = store;
        config.rate_limit.timeout = Duration::from_millis(500);
        config.rate_limit.when_unavailable = when_unavailable;
    })
    .await
}

async fn status(server: &Server, key: &Key) -> u16 {
    let start = Instant::now();
    let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
    assert!(start.elapsed() < BOUND, "answered after {:?}", start.elapsed());
    answer.status
}

/// Asks both nodes with keys that nobody used yet, until the second knows what the first has counted.
async fn until_shared(first: &Server, second: &Server, tenant: &Tenant<'_>) {
    let deadline = Instant::now() + RETURN;
    loop {
        let fresh = tenant.create_key(&tenant.owner, json!({})).await;
        let one = first.get("/v1/whoami").bearer(&fresh.plaintext).send().await.expect(200);
        let two = second.get("/v1/whoami").bearer(&fresh.plaintext).send().await;
        // The plan allows few keys at a time.
        first.delete(&tenant.key_path(&fresh, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
        if left(&two).0 < left(&one).0 {
            return;
        }
        assert!(Instant::now() < deadline, "limits are not shared again");
    }
}

async fn with_allow_each_node_counts_for_itself_while_redis_is_killed(db: Backend) {
    let mut redis = Redis::start().await;
    let first = server(db, &redis, WhenUnavailable::Allow, 3).await;
    let second = first.another(|_| {}).await;
    let tenant = Tenant::new(&first).await;
    until_shared(&first, &second, &tenant).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    redis.kill();
    for node in [&first, &second] {
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(status(node, &key).await);
        }
        assert_eq!(seen, [200, 200, 200, 429, 429]);
    }
    redis.restart();
    until_shared(&first, &second, &tenant).await;
}

async fn with_deny_the_answer_is_503_while_redis_is_killed(db: Backend) {
    let mut redis = Redis::start().await;
    let server = server(db, &redis, WhenUnavailable::Deny, 1000).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    until(&server, &key, 200).await;
    redis.kill();
    for _ in 0..5 {
        let start = Instant::now();
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(503, "unavailable");
        assert!(start.elapsed() < BOUND);
    }
    server.get("/v1/whoami").bearer(&tenant.owner.id_token).send().await.expect(200);
    redis.restart();
    until(&server, &key, 200).await;
}

async fn a_redis_that_hangs_is_away_too(db: Backend) {
    let redis = Redis::start().await;
    let allowing = server(db, &redis, WhenUnavailable::Allow, 1000).await;
    let denying = allowing.another(|config| config.rate_limit.when_unavailable = WhenUnavailable::Deny).await;
    let tenant = Tenant::new(&allowing).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    until(&denying, &key, 200).await;
    redis.hang();
    for _ in 0..5 {
        assert_eq!(status(&allowing, &key).await, 200);
        assert_eq!(status(&denying, &key).await, 503);
    }
    redis.go_on();
    until(&denying, &key, 200).await;
    until_shared(&allowing, &denying, &tenant).await;
}

async fn a_server_starts_without_its_redis(db: Backend) {
    let mut redis = Redis::start().await;
    redis.kill();
    let server = server(db, &redis, WhenUnavailable::Deny, 1000).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(status(&server, &key).await, 503);
    redis.restart();
    until(&server, &key, 200).await;
}

async fn until(server: &Server, key: &Key, expected: u16) {
    let deadline = Instant::now() + RETURN;
    while status(server, key).await != expected {
        assert!(Instant::now() < deadline, "never answered {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
