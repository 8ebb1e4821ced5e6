//! `lastUsedAt`: off the request path, and never lost but by a crash.

use crate::support::process::Keyward;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::domain::api_keys::FLUSH_INTERVAL;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

tests![
    a_use_shows_at_once_on_its_own_node_and_soon_on_others,
    a_refused_use_does_not_count,
    uses_are_written_when_the_server_stops,
    a_crash_loses_no_use_of_an_earlier_interval,
    a_later_use_is_never_overwritten_by_an_earlier_one,
];

async fn a_use_shows_at_once_on_its_own_node_and_soon_on_others(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(key.body["lastUsedAt"], Value::Null);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let used = shown.text_at("/lastUsedAt");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let there = node.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
        if there["lastUsedAt"] == used.as_str() {
            break;
        }
        assert!(Instant::now() < deadline, "the use was not written: {}", there.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_refused_use_does_not_count(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_disabled");
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(shown["lastUsedAt"], Value::Null);
}

async fn uses_are_written_when_the_server_stops(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    child.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert!(child.terminate().success());
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(shown["lastUsedAt"].is_string(), "{}", shown.text);
}

async fn a_crash_loses_no_use_of_an_earlier_interval(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    child.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let shown = || async {
        let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
        shown["lastUsedAt"].clone()
    };
    let deadline = Instant::now() + FLUSH_INTERVAL * 4;
    while shown().await.is_null() {
        assert!(Instant::now() < deadline, "the use was not written");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    child.kill();
    assert!(shown().await.is_string());
}

async fn a_later_use_is_never_overwritten_by_an_earlier_one(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    // As if another node, whose clock is ahead, had written it.
    server.database.execute("UPDATE api_keys SET last_used_at = '2999-01-01T00:00:00.000000Z'");
    let mut child = Keyward::serve(server.database.clone(), "").await;
    child.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert!(child.terminate().success());
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(shown["lastUsedAt"], "2999-01-01T00:00:00.000Z");
}
