//! A lock that somebody holds, and a pool that has no connection left because of it.

use super::figures::{Figures, milliseconds, spread};
use super::tally::Tally;
use crate::cluster::node::lift_limits;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};

tests![
    a_lock_that_is_held_is_503_for_writers_and_nothing_for_readers,
    a_full_pool_is_503_in_bounded_time_and_never_401,
];

/// What a connection waits for a lock, set where it is opened.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Few enough for a busy machine to be done with before the writers give up.
const REQUESTS: usize = 12;
/// How much later than it should an answer may come on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

async fn a_lock_that_is_held_is_503_for_writers_and_nothing_for_readers(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let (revoke, list) = (tenant.key_path(&key, "/revoke"), tenant.workspace_path("/api-keys"));
    let held = server.database.hold_writers();
    let (mut writes, mut reads, mut times) = (Tally::default(), Tally::default(), Vec::new());
    let started = Instant::now();
    let writing = async {
        let requests = (0..2).map(async |_| {
            let sent = Instant::now();
            (sent, server.post(&revoke).bearer(&tenant.owner.id_token).try_send().await)
        });
        for (sent, outcome) in join_all(requests).await {
            // Now: both have waited in parallel.
            writes.note("a revocation", sent, &outcome, 200);
        }
    };
    let reading = async {
        while started.elapsed() < LOCK_TIMEOUT - Duration::from_secs(1) {
            for (path, credential) in [("/v1/whoami", &key.plaintext), (&*list, &tenant.owner.id_token)] {
                let sent = Instant::now();
                let outcome = server.get(path).bearer(credential).try_send().await;
                times.push(sent.elapsed());
                reads.note(path, sent, &outcome, 200);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::join!(writing, reading);
    writes.assert_nothing_wrong();
    reads.assert_nothing_wrong();
    assert_eq!((writes.answers().as_str(), reads.refusals.len(), reads.unanswered), ("503 × 2", 0, 0));
    assert!(writes.refusals.iter().all(|wait| *wait < LOCK_TIMEOUT + SLACK), "{:?}", writes.refusals);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    drop(held);
    let mended = Instant::now();
    server.post(&revoke).bearer(&tenant.owner.id_token).send().await.expect(200);
    let recovered = mended.elapsed();
    let mut figures = Figures::of("a lock is held", db);
    figures
        .add("writers", writes.answers())
        .add("until their 503", spread(&mut writes.refusals))
        .add("readers meanwhile", reads.answers())
        .add("until their answer", spread(&mut times))
        .add("first good write after it was given back", milliseconds(recovered));
    figures.publish();
}

async fn a_full_pool_is_503_in_bounded_time_and_never_401(db: Backend) {
    let pool_timeout = Duration::from_millis(300);
    let server = Server::with(db, |config| config.database.pool_timeout = pool_timeout).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let list = tenant.workspace_path("/api-keys");
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let held = server.database.hold_writers();
    let started = Instant::now();
    let writers = (0..server.config.database.pool_size)
        .map(|_| server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send());
    let reading = async {
        // The writers have every connection as soon as one more request finds none.
        until("the pool is full", async || server.get("/v1/members").bearer(&key.plaintext).send().await.status == 503)
            .await;
        let (mut cold, mut cached, mut times) = (Tally::default(), Tally::default(), Vec::new());
        let ask_cold = async |_| {
            let sent = Instant::now();
            let outcome = server.get(&list).bearer(&tenant.owner.id_token).try_send().await;
            (sent.elapsed(), sent, outcome)
        };
        let asking = join_all((0..REQUESTS).map(ask_cold));
        let ask_cached = async {
            for _ in 0..REQUESTS {
                let sent = Instant::now();
                let outcome = server.get("/v1/whoami").bearer(&key.plaintext).try_send().await;
                times.push(sent.elapsed());
                cached.note("the use of a cached key", sent, &outcome, 200);
            }
        };
        let (answers, ()) = tokio::join!(asking, ask_cached);
        assert!(started.elapsed() < LOCK_TIMEOUT, "too slow: the writers have given up");
        let waits: Vec<Duration> = answers.iter().map(|(wait, ..)| *wait).collect();
        answers.iter().for_each(|(_, sent, outcome)| cold.note("a list", *sent, outcome, 200));
        (cold, cached, times, waits)
    };
    let (writers, (cold, cached, mut times, mut waits)) = tokio::join!(join_all(writers), reading);
    assert!(writers.iter().all(|answer| answer.status == 503));
    cold.assert_nothing_wrong();
    cached.assert_nothing_wrong();
    assert_eq!([cold.answers(), cached.answers()], [format!("503 × {REQUESTS}"), format!("200 × {REQUESTS}")]);
    assert!(waits.iter().all(|wait| *wait < pool_timeout + SLACK), "{}", spread(&mut waits));
    drop(held);
    let mended = Instant::now();
    server.get(&list).bearer(&tenant.owner.id_token).send().await.expect(200);
    let recovered = mended.elapsed();
    let mut figures = Figures::of("the pool is empty", db);
    figures
        .add("requests that need the database", cold.answers())
        .add("until their 503; database.pool_timeout is 300 ms", spread(&mut waits))
        .add("requests of cached keys", cached.answers())
        .add("until their answer", spread(&mut times))
        .add("first good read after a connection was free", milliseconds(recovered));
    figures.publish();
}
