//! A PostgreSQL that starts anew under load: shut down, and as after a crash.

use super::figures::{Figures, milliseconds, spread};
use super::writers::{Work, Writer, check_all, tally_of};
use super::{LOG, WITHOUT_LIMITS};
use crate::cluster::ledger::{Access, Probe, Verdict};
use crate::cluster::load::{Board, Load};
use crate::support::database::TestDatabase;
use crate::support::postgres::Postgres;
use crate::support::process::Keyward;
use crate::support::{Backend, Tenant, tests_once};
use diesel::Connection;
use diesel::pg::PgConnection;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests_once![a_postgresql_that_restarts_under_load_loses_nothing];

/// Longer than a lease, the pool's patience and its longest pause.
const PATIENCE: Duration = Duration::from_secs(10);

async fn a_postgresql_that_restarts_under_load_loses_nothing() {
    let starting = || Postgres::private(&["synchronous_commit=on"]);
    let mut postgres = tokio::task::spawn_blocking(starting).await.expect("no panic").expect("a PostgreSQL");
    let database = Arc::new(TestDatabase::elsewhere(postgres.application_url().to_owned()));
    let url = database.url();
    let migrated = tokio::task::spawn_blocking(move || keyward::infra::db::migrate(&url)).await;
    migrated.expect("no panic").expect("migrated");
    let mut server = Keyward::serve_logging(database.clone(), WITHOUT_LIMITS, LOG).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    drop(tenant);
    let mut writers = Writer::several(3, &server).await;
    let (board, probe) = (Arc::<Board>::default(), Probe::new(key.plaintext, Access::Writes));
    board.add(&probe);
    let mut load = Load::start(&[server.address()], 1, &board);

    let mut outages = Vec::new();
    for signal in ["INT", "QUIT"] {
        let work = Work::default();
        let restarting = async {
            work.more(8).await;
            postgres.restart(signal);
            let outage = outage_of(postgres.url().to_owned()).await;
            // Until it has recovered, and a bit of everyday life.
            let mut asked = server.get("/readyz").try_send().await;
            while !asked.is_ok_and(|answer| answer.status == 200) {
                assert!(outage.1.elapsed() < PATIENCE, "it does not recover");
                tokio::time::sleep(Duration::from_millis(20)).await;
                asked = server.get("/readyz").try_send().await;
            }
            work.more(8).await;
            work.end();
            outage
        };
        let (_, outage) = tokio::join!(Writer::run_all(&mut writers, &server, &work), restarting);
        outages.push(outage);
    }
    load.stop();
    for writer in &mut writers {
        writer.ask_for_all(&server).await;
    }
    assert!(server.terminate().success());
    let mut verdict = Verdict::default();
    probe.evaluate(&mut verdict);
    assert!(verdict.refused.is_empty(), "{:?}", verdict.refused.first());
    let mut tally = tally_of(&writers);
    tally.assert_nothing_wrong();
    assert_eq!(tally.unanswered, 0, "the server itself was there all the time");
    let found = check_all(&writers[..], &database).await;
    assert!(found.creations > 10, "too little happened: {}", tally.answers());

    let mut figures = Figures::of("PostgreSQL restarts", Backend::Postgres);
    let names = [
        ["shut down: away for", "shut down: first good write after it was back"],
        ["crash: away for", "crash: first good write after it was back"],
    ];
    for ([away, recovery], (down, up)) in names.into_iter().zip(outages) {
        let recovered = tally.recovered_after(up).expect("it recovered");
        assert!(recovered < PATIENCE);
        figures.add(away, milliseconds(up - down)).add(recovery, milliseconds(recovered));
    }
    figures
        .add("answers to those who write", tally.answers())
        .add("until a 503", spread(&mut tally.refusals))
        .add(
            "checks of a cached key, and those that met a 503",
            format!("{} and {}", verdict.requests, verdict.without_answer),
        )
        .add("acknowledged, and there afterwards", found.creations + found.revocations)
        .add("acknowledged and lost", 0)
        .add("not acknowledged: done whole", found.unannounced)
        .add("not acknowledged: not done at all", found.undone);
    figures.publish();
}

/// When it was first seen to be away, and when it was back.
async fn outage_of(url: String) -> (Instant, Instant) {
    let watching = move || {
        let is_there = || PgConnection::establish(&url).is_ok();
        let wait_until = |wanted: bool| {
            let start = Instant::now();
            while is_there() != wanted {
                assert!(start.elapsed() < Duration::from_secs(30), "PostgreSQL does not restart");
                std::thread::sleep(Duration::from_millis(1));
            }
            Instant::now()
        };
        (wait_until(false), wait_until(true))
    };
    tokio::task::spawn_blocking(watching).await.expect("no panic")
}
