//! The plan's limit on active keys, exact whatever happens at once.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

tests![
    parallel_creates_never_pass_the_limit,
    parallel_enables_never_pass_the_limit,
    revoking_disabling_expiry_and_deleting_make_room,
];

const LIMIT: usize = 5;

async fn limited(db: Backend) -> Server {
    Server::with(db, |config| config.plans.get_mut("free").expect("free").max_active_keys = LIMIT as u32).await
}

async fn parallel_creates_never_pass_the_limit(db: Backend) {
    let server = limited(db).await;
    let node = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let creates = (0..24).map(|place| {
        let on = if place % 2 == 0 { &server } else { &node };
        on.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).json(json!({})).send()
    });
    let answers = join_all(creates).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, LIMIT);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let refused = answer.expect_error(409, "max_active_keys_reached");
        assert!(refused.text_at("/error/message").contains("Revoke or delete unused keys"));
    }
}

async fn parallel_enables_never_pass_the_limit(db: Backend) {
    let server = limited(db).await;
    let tenant = Tenant::new(&server).await;
    let mut disabled = Vec::new();
    for _ in 0..LIMIT + 3 {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
        disabled.push(key);
    }
    let enables =
        disabled.iter().map(|key| server.post(&tenant.key_path(key, "/enable")).bearer(&tenant.owner.id_token).send());
    let statuses: Vec<u16> = join_all(enables).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), LIMIT, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
}

async fn revoking_disabling_expiry_and_deleting_make_room(db: Backend) {
    let server = limited(db).await;
    let tenant = Tenant::new(&server).await;
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let expiring = tenant.create_key(&tenant.owner, json!({"expiresAt": end})).await;
    let mut keys = Vec::new();
    for _ in 1..LIMIT {
        keys.push(tenant.create_key(&tenant.owner, json!({})).await);
    }
    let create =
        || server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).json(json!({})).send();
    let full = async || {
        let before = dump(&server.database);
        create().await.expect_error(409, "max_active_keys_reached");
        assert_unchanged(&before, &server.database);
    };
    full().await;
    for (key, end) in keys.iter().zip(["/revoke", "/disable"]) {
        server.post(&tenant.key_path(key, end)).bearer(&tenant.owner.id_token).send().await.expect(200);
        create().await.expect(201);
        full().await;
    }
    server.delete(&tenant.key_path(&keys[2], "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    create().await.expect(201);
    full().await;
    server.clock.advance(Duration::from_secs(60));
    server.get("/v1/whoami").bearer(&expiring.plaintext).send().await.expect_error(401, "api_key_expired");
    create().await.expect(201);
    full().await;
}
