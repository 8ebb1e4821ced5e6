//! Running it: crashes, stops, a database that is away, a full pool.

use crate::support::process::{self, Keyward};
use crate::support::redis::Redis;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests, tests_once};
use futures_util::future::join_all;
use keyward::config::{RateLimitStore, WhenUnavailable};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

tests![
    what_was_answered_survives_kill_9,
    a_stop_finishes_the_request_in_flight,
    a_writer_that_waits_too_long_gets_503_and_changes_nothing,
    a_full_pool_is_503_in_bounded_time_and_never_401,
    readiness_names_the_parts_and_the_one_that_is_not_ready,
];

tests_once![
    a_postgresql_that_is_away_is_503_and_never_401,
    a_healthcheck_tells_a_server_that_lives_from_one_that_is_gone
];

async fn what_was_answered_survives_kill_9(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut child = Keyward::serve(server.database.clone(), "plans.free.max_active_keys = 100").await;
    let creates = (0..20).map(|_| {
        let request = child.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
        request.json(json!({})).try_send()
    });
    let answers = join_all(creates).await;
    child.kill();
    let answered: Vec<String> = answers
        .into_iter()
        .filter_map(Result::ok)
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.text_at("/plaintext"))
        .collect();
    assert!(answered.len() >= 10, "only {} creates were answered", answered.len());
    for key in answered {
        server.get("/v1/whoami").bearer(&key).send().await.expect(200);
    }
}

async fn a_stop_finishes_the_request_in_flight(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    let body = r#"{"name":"In flight"}"#;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        tenant.workspace_path("/api-keys"),
        tenant.owner.id_token,
        body.len()
    );
    let mut stream = TcpStream::connect(child.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    stream.write_all(format!("{head}{}", &body[..8]).as_bytes()).expect("sent");
    // The request is under way once the server has looked its caller up: another one, sent later, has been answered.
    child.get("/v1/me").bearer(&tenant.owner.id_token).send().await.expect(200);
    let address = child.address();
    let stopping = std::thread::spawn(move || child.terminate());
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the server still takes connections");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stream.write_all(&body.as_bytes()[8..]).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(stopping.join().expect("no panic").success());
}

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

async fn a_writer_that_waits_too_long_gets_503_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let held = server.database.hold_writers();
    let revoke = server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send();
    revoke.await.expect_error(503, "unavailable");
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    drop(held);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
}

async fn a_full_pool_is_503_in_bounded_time_and_never_401(db: Backend) {
    let quick = Duration::from_millis(300);
    let server = Server::with(db, |config| config.database.pool_timeout = quick).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let held = server.database.hold_writers();
    let writers = (0..server.config.database.pool_size)
        .map(|_| server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send());
    let reader = async {
        // The writers have every connection as soon as one more request finds none.
        let deadline = Instant::now() + Duration::from_secs(4);
        loop {
            let answer = server.get("/v1/members").bearer(&key.plaintext).send().await;
            match answer.status {
                200 => assert!(Instant::now() < deadline, "the pool never filled"),
                _ => {
                    answer.expect_error(503, "unavailable");
                    break;
                }
            }
        }
        // What needs no database goes on.
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    };
    let (writers, ()) = tokio::join!(join_all(writers), reader);
    assert!(writers.iter().all(|answer| answer.status == 503));
    drop(held);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}
