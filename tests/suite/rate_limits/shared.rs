//! Two nodes that share Redis count as one.

use super::{left, limit};
use crate::support::redis::Redis;
use crate::support::{Backend, Server, Tenant, tests, tests_once};
use keyward::base::config::RateLimitStore;
use serde_json::json;
use std::time::{Duration, Instant};

tests![
    two_nodes_admit_what_one_would,
    two_nodes_under_load_admit_what_is_allowed,
    a_refusal_by_the_workspace_uses_nothing_up_of_the_key_in_redis_too,
];

tests_once![the_script_is_exact_at_a_thousand_a_second];

/// Long enough that a busy machine does not fall back to the memory of a node.
pub const PATIENT: Duration = Duration::from_secs(5);

async fn two_nodes(
    db: Backend,
    redis: &Redis,
    change: impl FnOnce(&mut keyward::base::config::Config),
) -> (Server, Server) {
    let store = RateLimitStore::Redis(redis.url());
    let first = Server::with(db, |config| {
        (config.rate_limit.store, config.rate_limit.timeout) = (store, PATIENT);
        change(config);
    })
    .await;
    let second = first.another(|_| {}).await;
    (first, second)
}

async fn two_nodes_admit_what_one_would(db: Backend) {
    let redis = Redis::start().await;
    let (first, second) = two_nodes(db, &redis, |config| limit(config, 6, 10)).await;
    let tenant = Tenant::new(&first).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for number in 1..=10 {
        let node = if number % 2 == 0 { &first } else { &second };
        let answer = node.get("/v1/whoami").bearer(&key.plaintext).send().await;
        let used = u32::min(number, 6);
        assert_eq!(left(&answer), (6 - used, 10 - used));
        if number <= 6 {
            answer.expect(200);
        } else {
            answer.expect_error(429, "rate_limited");
        }
    }
    let other = Tenant::new(&first).await;
    let others = other.create_key(&other.owner, json!({})).await;
    let answer = second.get("/v1/whoami").bearer(&others.plaintext).send().await.expect(200);
    assert_eq!(left(&answer), (5, 9));
}

async fn a_refusal_by_the_workspace_uses_nothing_up_of_the_key_in_redis_too(db: Backend) {
    let redis = Redis::start().await;
    let (first, second) = two_nodes(db, &redis, |config| limit(config, 3, 3)).await;
    let tenant = Tenant::new(&first).await;
    let one = tenant.create_key(&tenant.owner, json!({})).await;
    let two = tenant.create_key(&tenant.owner, json!({})).await;
    for _ in 0..3 {
        first.get("/v1/whoami").bearer(&one.plaintext).send().await.expect(200);
    }
    for _ in 0..3 {
        let refused = second.get("/v1/whoami").bearer(&two.plaintext).send().await.expect_error(429, "rate_limited");
        assert_eq!(left(&refused), (3, 0));
    }
}

async fn two_nodes_under_load_admit_what_is_allowed(db: Backend) {
    const RATE: f64 = 20.0;
    const BURST: u32 = 200;
    let redis = Redis::start().await;
    let (first, second) = two_nodes(db, &redis, |config| {
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (60 * RATE as u32, BURST);
    })
    .await;
    let tenant = Tenant::new(&first).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let start = Instant::now();
    let hammer = async |node: &Server| {
        let mut admitted = 0_u32;
        // Until the burst is used up, and then some: only then is what was admitted what is allowed.
        let (mut refused, mut end) = (0, start.elapsed());
        while refused < 50 {
            let status = node.get("/v1/whoami").bearer(&key.plaintext).send().await.status;
            assert!(status == 200 || status == 429, "{status}");
            admitted += u32::from(status == 200);
            refused += u32::from(status == 429);
            end = start.elapsed();
        }
        (admitted, end)
    };
    let all = [&first, &first, &second, &second].map(hammer);
    let all = futures_util::future::join_all(all).await;
    let admitted: u32 = all.iter().map(|(admitted, _)| admitted).sum();
    let end = all.iter().map(|(_, end)| *end).max().unwrap_or_default();
    let allowed = f64::from(BURST) + RATE * end.as_secs_f64();
    let error = (f64::from(admitted) - allowed).abs() / allowed;
    // One request at either end is the resolution of the count itself.
    assert!(error <= 0.01 + 2.0 / allowed, "{admitted} admitted, {allowed} allowed in {end:?}");
}

/// The script alone, because no test server on a busy machine answers a multiple of 1,000 requests a second.
async fn the_script_is_exact_at_a_thousand_a_second() {
    const SCRIPT: &str = include_str!("../../../src/infra/rate_limit/store.lua");
    const FOR: Duration = Duration::from_secs(5);
    /// The requests of one round trip, so that a busy machine asks often enough too.
    const AT_ONCE: usize = 20;
    let redis = Redis::start().await;
    let connect = |_| redis::Client::open(redis.url()).expect("a URL").get_connection().expect("a connection");
    let connections = [1, 2].map(connect);
    let start = Instant::now();
    let client = move |mut connection: redis::Connection| {
        let script = redis::Script::new(SCRIPT);
        script.load(&mut connection).expect("it loads");
        // 1,000 a second for the key, and five times as much for its workspace. The bursts are as long as the test, so that
        // nothing spills over while a busy machine lets neither client ask.
        let mut pipe = redis::pipe();
        for _ in 0..AT_ONCE {
            pipe.cmd("EVALSHA").arg(script.get_hash()).arg(2).arg("{workspace}:key").arg("{workspace}");
            pipe.arg(1).arg(0.001).arg(5000).arg(0.005).arg(25000);
        }
        let (mut asked, mut admitted) = (0, 0);
        while start.elapsed() < FOR {
            let answers: Vec<(f64, f64, u32)> = pipe.query(&mut connection).expect("it runs");
            asked += answers.len();
            admitted += answers.iter().map(|(_, _, one)| *one).sum::<u32>();
        }
        (asked, admitted, start.elapsed())
    };
    let both = connections
        .map(|connection| std::thread::spawn(move || client(connection)))
        .map(|thread| thread.join().expect("no panic"));
    let (asked, admitted) = both.iter().fold((0, 0), |sum, (asked, admitted, _)| (sum.0 + asked, sum.1 + admitted));
    let end = both.iter().map(|(_, _, end)| *end).max().unwrap_or_default();
    let allowed = 5000.0 + 1000.0 * end.as_secs_f64();
    assert!(asked as f64 > 1.1 * allowed, "only {asked} asked: too few to prove anything");
    let error = (f64::from(admitted) - allowed).abs() / allowed;
    assert!(error <= 0.01, "{admitted} admitted, {allowed} allowed in {end:?}");
}
