//! A stop by SIGTERM drains: behind a load balancer, a rolling restart loses no request.

use crate::faults::WITHOUT_LIMITS;
use crate::support::database::TestDatabase;
use crate::support::nginx::Nginx;
use crate::support::process::{self, DRAIN_PAUSE, Keyward};
use crate::support::until::until;
use crate::support::{Backend, Tenant, tests, tests_once};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

tests![a_draining_node_is_not_ready_answers_all_the_same_and_closes_connections];

tests_once![a_rolling_restart_behind_nginx_loses_no_request];

/// How many requests must come while the nodes restart.
const REQUESTS: u64 = 10_000;
const CLIENTS: usize = 6;

async fn a_draining_node_is_not_ready_answers_all_the_same_and_closes_connections(db: Backend) {
    let database = tokio::task::spawn_blocking(move || TestDatabase::create(db)).await.expect("no panic");
    let mut server = Keyward::serve_through(Arc::new(database), "", "info", |mut command| {
        command.env(DRAIN_PAUSE, "60s");
        command
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let token = process::run(&server.database, &["service-token", "create", "--name", "Gateway"]).await;
    let token = token.lines().last().expect("a token").to_owned();
    // The suite's own client closes each connection itself.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let whoami = || client.get(server.url("/v1/whoami"));
    let verify = || client.post(server.url("/v1/keys/verify")).bearer_auth(&token).json(&json!({ "key": key }));
    // The second one has its answer by the fast path.
    for _ in 0..2 {
        assert_eq!(connection(whoami().bearer_auth(&key)).await, (200, None));
        assert_eq!(connection(verify()).await, (200, None));
    }
    server.get("/readyz").send().await.expect(200);

    server.signal("TERM");
    until("it is not ready", async || server.get("/readyz").send().await.status == 503).await;
    let unready = server.get("/readyz").send().await.expect_error(503, "unavailable");
    let details = json!([{ "field": "server", "message": "The server is stopping." }]);
    assert_eq!(unready["error"]["details"], details);
    for (request, status) in [
        (client.get(server.url("/healthz")), 200),
        (whoami().bearer_auth(&key), 200),
        (verify(), 200),
        (whoami(), 401),
        (client.get(server.url("/nothing")), 404),
    ] {
        assert_eq!(connection(request).await, (status, Some("close".to_owned())));
    }
    drop(tenant);
    // A second signal ends the pause.
    let signalled = Instant::now();
    assert!(server.terminate().success());
    assert!(signalled.elapsed() < Duration::from_secs(30), "the pause went on");
}

/// Returns the status of an answer, and its `Connection`.
async fn connection(request: reqwest::RequestBuilder) -> (u16, Option<String>) {
    let answer = request.send().await.expect("an answer");
    let header = answer.headers().get("connection").map(|value| value.to_str().expect("a text").to_owned());
    let status = answer.status().as_u16();
    answer.bytes().await.expect("a body");
    (status, header)
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    lost: Mutex<Vec<String>>,
    ended: AtomicBool,
}

/// Asks without a pause, over connections that stay open: four reads, then a POST that nginx may send twice.
async fn ask(address: SocketAddr, key: String, token: String, seen: Arc<Seen>) {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(40));
    let client = client.build().expect("a client");
    let mut number = 0_u32;
    while !seen.ended.load(Relaxed) {
        number += 1;
        let request = match number % 5 {
            0 => {
                client.post(format!("http://{address}/v1/keys/verify")).bearer_auth(&token).json(&json!({ "key": key }))
            }
            _ => client.get(format!("http://{address}/v1/whoami")).bearer_auth(&key),
        };
        let fault = match request.send().await {
            Ok(answer) if answer.status() == 200 => answer.bytes().await.err().map(|error| error.to_string()),
            Ok(answer) => Some(format!("{} at request {number}", answer.status())),
            Err(error) => Some(format!("{error:?}")),
        };
        seen.requests.fetch_add(1, Relaxed);
        seen.lost.lock().expect("no panic").extend(fault);
    }
}

async fn a_rolling_restart_behind_nginx_loses_no_request() {
    let database = tokio::task::spawn_blocking(|| TestDatabase::create(Backend::Postgres)).await.expect("no panic");
    let database = Arc::new(database);
    let start = async |listen: SocketAddr| {
        Keyward::serve_draining_at(listen, Arc::clone(&database), WITHOUT_LIMITS, "info").await
    };
    let anywhere: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut nodes = [start(anywhere).await, start(anywhere).await];
    let addresses = [nodes[0].address(), nodes[1].address()];
    let nginx = Nginx::before_nodes(addresses).await;
    let tenant = Tenant::new(&nodes[0]).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    drop(tenant);
    let token = process::run(&database, &["service-token", "create", "--name", "Gateway"]).await;
    let token = token.lines().last().expect("a token").to_owned();

    let seen = Arc::<Seen>::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, key, token, seen) = (nginx.address(), key.clone(), token.clone(), Arc::clone(&seen));
            // Threads of their own: waiting for the end of a process blocks this one.
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(ask(address, key, token, seen));
            })
        })
        .collect();
    let mut round = 0;
    while round < 2 || seen.requests.load(Relaxed) < REQUESTS {
        let node = &mut nodes[round % 2];
        assert!(node.terminate().success());
        *node = start(addresses[round % 2]).await;
        round += 1;
    }
    seen.ended.store(true, Relaxed);
    for client in clients {
        client.join().expect("no panic");
    }
    let (requests, lost) = (seen.requests.load(Relaxed), seen.lost.lock().expect("no panic"));
    assert!(lost.is_empty(), "{} of {requests} in {round} restarts, such as {:?}", lost.len(), lost.first());
    assert!(requests >= REQUESTS);
}
