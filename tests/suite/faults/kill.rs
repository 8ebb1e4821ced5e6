//! kill -9 while it writes.

use super::figures::{Figures, milliseconds};
use super::writers::{Work, Writer, check_all, tally_of};
use super::{LOG, WITHOUT_LIMITS};
use crate::support::database::TestDatabase;
use crate::support::process::Keyward;
use crate::support::{Backend, tests};
use std::sync::Arc;
use std::time::{Duration, Instant};

tests![what_was_acknowledged_survives_kill_9];

/// How many keys are made and revoked in each of the server's lives, and how much longer it lives: so that it is killed at
/// different moments of a write.
const LIVES: [(usize, Duration); 3] =
    [(16, Duration::from_millis(3)), (12, Duration::from_millis(11)), (12, Duration::from_millis(23))];

async fn what_was_acknowledged_survives_kill_9(db: Backend) {
    let database = tokio::task::spawn_blocking(move || TestDatabase::create(db)).await.expect("no panic");
    let database = Arc::new(database);
    let start = async || Keyward::serve_logging(database.clone(), WITHOUT_LIMITS, LOG).await;
    let mut server = start().await;
    let mut writers = Writer::several(4, &server).await;
    let mut restarts = Vec::new();
    for (steps, longer) in LIVES {
        let work = Work::default();
        let killing = async {
            work.more(steps).await;
            tokio::time::sleep(longer).await;
            server.signal("KILL");
            tokio::time::sleep(Duration::from_millis(20)).await;
            work.end();
        };
        tokio::join!(Writer::run_all(&mut writers, &server, &work), killing);
        server.wait();
        let killed = Instant::now();
        server = start().await;
        server.get("/readyz").send().await.expect(200);
        restarts.push(killed.elapsed());
    }
    for writer in &mut writers {
        writer.ask_for_all(&server).await;
    }
    assert!(server.terminate().success());
    let tally = tally_of(&writers);
    tally.assert_nothing_wrong();
    let found = check_all(&writers, &database).await;
    assert!(found.creations >= 20 && found.revocations >= 5 && tally.unanswered > 0, "{}", tally.answers());
    let mut figures = Figures::of("kill -9", db);
    figures
        .add("killed while it wrote", format!("{} times", LIVES.len()))
        .add("answers", tally.answers())
        .add("acknowledged, and there afterwards", found.creations + found.revocations)
        .add("acknowledged and lost", 0)
        .add("not acknowledged: done whole", found.unannounced)
        .add("not acknowledged: not done at all", found.undone)
        .add("from its start to ready again, at most", milliseconds(restarts.into_iter().max().unwrap_or_default()));
    figures.publish();
}
