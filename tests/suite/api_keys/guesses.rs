//! Keys that nobody has: a flood of them reaches no database, and hurts nobody behind the same address.

use crate::support::{Backend, Server, Tenant, tests};
use keyward::domain::api_keys::KeyFormat;
use serde_json::json;
use std::time::Duration;

tests![
    a_flood_of_unknown_keys_is_429_and_keys_in_use_go_on,
    one_unknown_key_over_and_over_is_401_and_uses_nothing_up,
    a_malformed_key_is_401_however_often,
];

/// Well-formed, and nobody's.
fn unknown_key() -> String {
    KeyFormat::base62("sk_live_").generate().expose().to_owned()
}

async fn server(db: Backend) -> Server {
    Server::with(db, |config| config.rate_limit.unknown_keys_per_minute = 5).await
}

async fn a_flood_of_unknown_keys_is_429_and_keys_in_use_go_on(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let me = || server.get("/v1/whoami").bearer(&key.plaintext).send();
    me().await.expect(200);
    for _ in 0..5 {
        server.get("/v1/whoami").bearer(&unknown_key()).send().await.expect_error(401, "invalid_api_key");
    }
    let refused = server.get("/v1/whoami").bearer(&unknown_key()).send().await.expect_error(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("a number");
    assert!((1..=12).contains(&wait), "one of five a minute is free again after 12 s, not {wait}");
    me().await.expect(200);
    // Changed, it is not in memory any more; but this node knew it.
    server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    me().await.expect_error(401, "api_key_disabled");
    server.post(&tenant.key_path(&key, "/enable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    me().await.expect(200);
    server.clock.advance(Duration::from_secs(wait));
    server.get("/v1/whoami").bearer(&unknown_key()).send().await.expect_error(401, "invalid_api_key");
}

async fn one_unknown_key_over_and_over_is_401_and_uses_nothing_up(db: Backend) {
    let server = server(db).await;
    let deleted = unknown_key();
    // Until the node has its lease it asks the database each time, and each time counts.
    let held = tokio::time::timeout(Duration::from_secs(20), async {
        while server.get("/readyz").send().await.expect(200)["leaseAgeMs"].is_null() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    held.await.expect("a lease");
    for _ in 0..20 {
        server.get("/v1/whoami").bearer(&deleted).send().await.expect_error(401, "invalid_api_key");
    }
    server.get("/v1/whoami").bearer(&unknown_key()).send().await.expect_error(401, "invalid_api_key");
}

async fn a_malformed_key_is_401_however_often(db: Backend) {
    let server = server(db).await;
    let mut typo = unknown_key();
    let last = typo.pop().expect("not empty");
    typo.push(if last == '0' { '1' } else { '0' });
    for _ in 0..20 {
        server.get("/v1/whoami").bearer(&typo).send().await.expect_error(401, "invalid_api_key");
    }
}
