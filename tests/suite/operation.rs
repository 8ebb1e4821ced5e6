//! Running it: a database that is away, readiness, healthchecks. `faults` has what breaks under load.

use crate::support::process::{self, Keyward};
use crate::support::redis::Redis;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests, tests_once};
use keyward::base::config::{RateLimitStore, WhenUnavailable};
use serde_json::{Value, json};
use std::time::Duration;

tests![readiness_names_the_parts_and_the_one_that_is_not_ready];

tests_once![
    a_postgresql_that_is_away_is_503_and_never_401,
    a_healthcheck_tells_a_server_that_lives_from_one_that_is_gone
];

async fn a_postgresql_that_is_away_is_503_and_never_401() {
    let quick = Duration::from_millis(300);
    let server = Server::with(Backend::Postgres, |config| config.database.pool_timeout = quick).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    server.get("/readyz").send().await.expect(200);
    server.database.take_away();
    for (path, credential) in [("/v1/whoami", &key), ("/v1/members", &key), ("/v1/me", &tenant.owner.id_token)] {
        server.get(path).bearer(credential).send().await.expect_error(503, "unavailable");
    }
    let unready = server.get("/readyz").send().await.expect_error(503, "unavailable");
    let details = json!([{ "field": "database", "message": "The database can't be reached." }]);
    assert_eq!(unready["error"]["details"], details);
    server.get("/healthz").send().await.expect(200);
}

async fn a_healthcheck_tells_a_server_that_lives_from_one_that_is_gone() {
    let server = Server::start(Backend::Sqlite).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    let port = child.address().port();
    let check = async || {
        let mut command = process::command(&["healthcheck"]);
        command.env("KEYWARD__SERVER__LISTEN", format!("0.0.0.0:{port}"));
        process::output(command).await
    };
    assert!(check().await.status.success());
    child.kill();
    let gone = check().await;
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains(&format!("http://127.0.0.1:{port}/healthz")));
}

async fn readiness_names_the_parts_and_the_one_that_is_not_ready(db: Backend) {
    let plain = Server::start(db).await;
    until("the lease holds", async || parts(&plain).await["cache"] == "ok").await;
    assert_eq!(parts(&plain).await, json!({ "database": "ok", "cache": "ok", "rateLimit": "memory" }));
    let uncached = plain.another(|config| config.cluster.cached_keys = 0).await;
    assert_eq!(parts(&uncached).await["cache"], "off");

    let mut redis = Redis::start().await;
    let store = RateLimitStore::Redis(redis.url());
    let lenient = plain.another(|config| config.rate_limit.store = store.clone()).await;
    let strict = plain.another(|config| {
        config.rate_limit.store = store;
        config.rate_limit.when_unavailable = WhenUnavailable::Deny;
    });
    let strict = strict.await;
    assert_eq!(parts(&lenient).await["rateLimit"], "redis");
    assert_eq!(parts(&strict).await["rateLimit"], "redis");
    let key = Tenant::new(&plain).await;
    let key = key.create_key(&key.owner, json!({})).await;
    redis.kill();
    // Requests find out.
    lenient.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    strict.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(503);
    assert_eq!(parts(&lenient).await["rateLimit"], "away");
    let unready = strict.get("/readyz").send().await.expect_error(503, "unavailable");
    let details = unready["error"]["details"].as_array().expect("details").clone();
    assert!(details.len() == 1 && details[0]["field"] == "rateLimit", "{details:?}");
}

async fn parts(server: &Server) -> Value {
    server.get("/readyz").send().await.expect(200)["parts"].clone()
}
