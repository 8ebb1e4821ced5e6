//! A system clock that is set back by an hour.

use super::figures::Figures;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::time::Timestamp;
use serde_json::json;
use std::time::Duration;

tests![
    what_has_expired_stays_expired_when_the_clock_steps_back,
    a_clock_that_steps_back_neither_frees_limits_nor_freezes_them,
];

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

async fn what_has_expired_stays_expired_when_the_clock_steps_back(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let now = server.clock.now();
    let expiring = async |after: Duration| {
        tenant.create_key(&tenant.owner, json!({ "expiresAt": now.plus(after) })).await.plaintext
    };
    let (first, second) = (expiring(5 * MINUTE).await, expiring(15 * MINUTE).await);
    let revoked = tenant.create_key(&tenant.owner, json!({})).await;
    server.post(&tenant.key_path(&revoked, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let ask = async |key: &str| server.get("/v1/whoami").bearer(key).send().await;
    ask(&first).await.expect(200);
    server.clock.advance(6 * MINUTE);
    ask(&first).await.expect_error(401, "api_key_expired");

    server.clock.set_system_back(HOUR);
    for _ in 0..2 {
        ask(&first).await.expect_error(401, "api_key_expired");
        ask(&revoked.plaintext).await.expect_error(401, "api_key_revoked");
        ask(&second).await.expect(200);
    }
    // What is written now is not older than what was written before.
    let later = tenant.create_key(&tenant.owner, json!({})).await;
    let created: Timestamp = later.body["createdAt"].as_str().expect("a time").parse().expect("a time");
    assert!(created >= now.plus(6 * MINUTE), "{created}");
    // And time goes on: the second key expires when it should, not an hour later.
    server.clock.advance(10 * MINUTE);
    ask(&second).await.expect_error(401, "api_key_expired");
    server.clock.advance(HOUR);
    server.get("/v1/me").bearer(&tenant.owner.id_token).send().await.expect_error(401, "id_token_expired");
    let mut figures = Figures::of("the clock steps back", db);
    figures
        .add("a key that had expired before", "401")
        .add("a key that expires afterwards", "200, then 401 at its time")
        .add("a revoked key", "401");
    figures.publish();
}

async fn a_clock_that_steps_back_neither_frees_limits_nor_freezes_them(db: Backend) {
    let server = Server::with(db, |config| {
        let free = config.plans.get_mut("free").expect("a plan");
        (free.requests_per_minute, free.burst) = (1, 2);
        config.identity.limits.failures_per_account_and_address = 3;
        config.identity.limits.window = MINUTE;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let person = User::sign_up(&server).await;
    let ask = async || server.get("/v1/whoami").bearer(&key).send().await.status;
    let sign_in = async |password: &str| {
        let body = json!({ "email": person.email, "password": password, "returnSecureToken": true });
        server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=test").json(body).send().await
    };
    while ask().await == 200 {}
    for _ in 0..3 {
        sign_in("wrong-wrong").await.expect(400);
    }
    let locked = sign_in(&person.password).await;
    assert!(locked.text.contains("TOO_MANY_ATTEMPTS"), "{}", locked.text);

    server.clock.set_system_back(HOUR);
    assert_eq!(ask().await, 429, "the limit on requests was freed");
    let locked = sign_in(&person.password).await;
    assert!(locked.text.contains("TOO_MANY_ATTEMPTS"), "the limit on guesses was freed: {}", locked.text);

    server.clock.advance(MINUTE);
    assert_eq!(ask().await, 200, "the limit on requests stands still");
    sign_in(&person.password).await.expect(200);
    let mut figures = Figures::of("the clock steps back", db);
    figures.add("limits that were used up", "used up, and refilled at their time");
    figures.publish();
}
