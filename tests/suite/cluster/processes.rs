//! Processes that come, go, stop and are killed, and the operator's commands beside them. All of it on SQLite, too.

use super::ledger::{Access, Probe, Verdict};
use super::load::{Board, Load};
use super::node::{NodeSettings, lift_limits, spawn};
use crate::support::process::{self, Keyward};
use crate::support::{Backend, Server, Tenant, secrets, tests, tests_once};
use diesel::prelude::*;
use keyward::base::sql::schema::cluster_nodes;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests![
    nobody_slips_through_when_the_operator_takes_access_away,
    a_killed_server_is_waited_for_until_it_is_buried,
    a_buried_server_that_comes_back_remembers_nothing,
    a_server_that_stops_is_waited_for_no_more,
];

tests_once![without_its_database_a_server_answers_for_one_lease_at_most];

/// Until `nodes` are counted on.
async fn wait_for_nodes(server: &Server, nodes: i64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut conn = server.database.connect();
        let count: i64 = cluster_nodes::table.count().get_result(&mut conn).expect("counted");
        if count == nodes {
            return;
        }
        assert!(Instant::now() < deadline, "{count} nodes, not {nodes}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process on the same database.
async fn another_process(server: &Server) -> Keyward {
    let settings = NodeSettings {
        database_url: server.database.connection_url(),
        listen_url: None,
        lease: server.config.cluster.lease,
        no_wait: false,
        no_fence: false,
        slow_fill: Duration::ZERO,
        no_confirmation: false,
    };
    spawn(&settings, server.database.clone()).await
}

async fn nobody_slips_through_when_the_operator_takes_access_away(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let other = another_process(&server).await;
    wait_for_nodes(&server, 2).await;
    let tenant = Tenant::new(&server).await;
    let creator = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&creator, json!({})).await;
    let (board, probe) = (Arc::<Board>::default(), Probe::new(key.plaintext, Access::Writes));
    board.add(&probe);
    let mut load = Load::start(&[server.address(), other.address()], 2, &board);
    let subscription = ["subscription", "set", &tenant.organization_id, "--status"];
    let rows: [(Vec<&str>, Access); 4] = [
        ([&subscription[..], &["canceled"]].concat(), Access::Refused),
        ([&subscription[..], &["active"]].concat(), Access::Writes),
        (vec!["user", "disable", &creator.email], Access::Refused),
        (vec!["user", "enable", &creator.email], Access::Writes),
    ];
    for _ in 0..3 {
        for (arguments, access) in &rows {
            probe.begin(*access);
            process::run(&server.database, arguments).await;
            probe.answered();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    load.stop();
    let mut verdict = Verdict::default();
    probe.evaluate(&mut verdict);
    assert!(verdict.admitted.is_empty() && verdict.refused.is_empty(), "{:?} {:?}", verdict.admitted, verdict.refused);
    assert!(verdict.taken_away == 6 && verdict.grants_seen >= 6 && verdict.requests > 100);

    let printed = process::run(&server.database, &["service-token", "create", "--name", "Gateway"]).await;
    let (id, token) = printed.trim().split_once('\n').expect("two lines");
    secrets::register(token);
    for api in [&*server, &*other] {
        api.get("/v1/me").bearer(token).send().await.expect_error(403, "credential_not_accepted");
    }
    process::run(&server.database, &["service-token", "revoke", id]).await;
    for api in [&*server, &*other] {
        api.get("/v1/me").bearer(token).send().await.expect_error(401, "api_key_revoked");
    }
}

async fn a_killed_server_is_waited_for_until_it_is_buried(db: Backend) {
    let lease = Duration::from_secs(1);
    let server = Server::with(db, |config| config.cluster.lease = lease).await;
    let mut other = another_process(&server).await;
    wait_for_nodes(&server, 2).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    other.kill();
    let disable = async || {
        let disable = server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token);
        let called = Instant::now();
        disable.send().await.expect(200);
        called.elapsed()
    };
    assert!(disable().await >= lease * 9 / 10, "nobody can know yet that it is dead");
    wait_for_nodes(&server, 1).await;
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        quickest = quickest.min(disable().await);
    }
    assert!(quickest < lease, "a dead server is still waited for");
}

async fn a_buried_server_that_comes_back_remembers_nothing(db: Backend) {
    let server = Server::start(db).await;
    let other = another_process(&server).await;
    wait_for_nodes(&server, 2).await;
    let tenant = Tenant::new(&server).await;
    let (lost, kept) =
        (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    for key in [&lost, &kept, &lost, &kept] {
        other.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    }
    other.signal("STOP");
    wait_for_nodes(&server, 1).await;
    server.post(&tenant.key_path(&lost, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    other.signal("CONT");
    other.get("/v1/whoami").bearer(&lost.plaintext).send().await.expect_error(401, "api_key_revoked");
    wait_for_nodes(&server, 2).await;
    other.get("/v1/whoami").bearer(&kept.plaintext).send().await.expect(200);
    server.post(&tenant.key_path(&kept, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    other.get("/v1/whoami").bearer(&kept.plaintext).send().await.expect_error(401, "api_key_revoked");
}

async fn a_server_that_stops_is_waited_for_no_more(db: Backend) {
    let server = Server::start(db).await;
    let other = server.another(|_| {}).await;
    wait_for_nodes(&server, 2).await;
    tokio::task::spawn_blocking(move || drop(other)).await.expect("it stops");
    let mut conn = server.database.connect();
    let nodes: i64 = cluster_nodes::table.count().get_result(&mut conn).expect("counted");
    assert_eq!(nodes, 1, "it left a row behind");
}

async fn without_its_database_a_server_answers_for_one_lease_at_most() {
    let lease = Duration::from_secs(4);
    let server = Server::with(Backend::Postgres, |config| {
        lift_limits(config);
        config.cluster.lease = lease;
        config.database.pool_timeout = Duration::from_millis(100);
    })
    .await;
    wait_for_nodes(&server, 1).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    for _ in 0..3 {
        server.get("/v1/whoami").bearer(&key).send().await.expect(200);
    }
    let before = Instant::now();
    server.database.take_away();
    let taken = Instant::now();
    let mut answered = 0;
    loop {
        let sent = Instant::now();
        let answer = server.get("/v1/whoami").bearer(&key).send().await;
        match answer.status {
            200 => {
                assert!(sent < taken + lease, "admitted a lease after the database went away");
                answered += 1;
            }
            _ => {
                answer.expect_error(503, "unavailable");
                // The last round trip was sent less than a quarter of a lease before.
                assert!(before.elapsed() > lease / 2, "refused what it knew, after {answered} answers");
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(answered > 0);
    server.get("/v1/whoami").bearer(&key).send().await.expect_error(503, "unavailable");
}
