//! SQLite on a disk that is full, and on one where writing fails.

use super::disk::Disk;
use super::figures::{Figures, milliseconds, spread};
use super::writers::{Found, Work, Writer, tally_of};
use super::{LOG, WITHOUT_LIMITS};
use crate::support::database::TestDatabase;
use crate::support::process::{self, Keyward};
use crate::support::{Backend, Tenant, environment, tests_once};
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

tests_once![a_full_disk_is_503_and_loses_nothing, a_disk_that_takes_no_more_is_503_and_loses_nothing];

const FULL_FOR: Duration = Duration::from_millis(1500);

/// On a tmpfs that is filled to the last page.
async fn a_full_disk_is_503_and_loses_nothing() {
    let disk = Disk::mount().await;
    let template = TestDatabase::create(Backend::Sqlite);
    let file = template.sqlite_file().expect("a file");
    std::fs::copy(&file, disk.seen("keyward.db")).expect("it fits");
    let url = format!("sqlite://{}", disk.path("keyward.db").display());
    let database = Arc::new(TestDatabase::elsewhere(url));
    let server = Keyward::serve_through(database, WITHOUT_LIMITS, LOG, |command| disk.inside(&command)).await;
    let copy = TempDir::new_in(environment::directory()).expect("a directory");
    let copied = copy.path().join("keyward.db");
    let afterwards = || {
        for suffix in ["", "-wal"] {
            let from = disk.seen(&format!("keyward.db{suffix}"));
            if from.exists() {
                std::fs::copy(from, format!("{}{suffix}", copied.display())).expect("it can be read");
            }
        }
        TestDatabase::elsewhere(format!("sqlite://{}", copied.display()))
    };
    break_and_mend("SQLite's disk is full", server, || disk.fill(), || disk.free(), afterwards).await;
}

/// By a limit on the size of files, which fails otherwise than a full disk, and which anybody can set.
async fn a_disk_that_takes_no_more_is_503_and_loses_nothing() {
    let database = Arc::new(TestDatabase::create(Backend::Sqlite));
    let ignoring = |command: Command| {
        let mut shell = Command::new("sh");
        // Else the signal that goes with it ends the process.
        shell.args(["-c", r#"trap "" XFSZ; exec "$@""#, "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        process::take_environment(&mut shell, &command);
        shell
    };
    let server = Keyward::serve_through(database.clone(), WITHOUT_LIMITS, LOG, ignoring).await;
    let id = server.process_id().to_string();
    let limit = |size: &str| {
        let status = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={size}")]).status();
        assert!(status.is_ok_and(|status| status.success()), "prlimit failed");
    };
    let (fill, free) = (|| limit("4096:"), || limit("unlimited:"));
    break_and_mend("SQLite's writes fail", server, fill, free, || TestDatabase::elsewhere(database.connection_url()))
        .await;
}

async fn break_and_mend(
    fault: &'static str,
    mut server: Keyward,
    fill: impl Fn(),
    free: impl Fn(),
    afterwards: impl Fn() -> TestDatabase,
) {
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let list = tenant.workspace_path("/api-keys");
    server.get("/v1/whoami").bearer(&key).send().await.expect(200);
    let mut writers = Writer::several(3, &server).await;
    let work = Work::default();
    let breaking = async {
        work.more(9).await;
        fill();
        let (full, mut reads) = (Instant::now(), 0);
        while full.elapsed() < FULL_FOR {
            // What is there can be read, from memory and from the disk.
            server.get("/v1/whoami").bearer(&key).send().await.expect(200);
            server.get(&list).bearer(&tenant.owner.id_token).send().await.expect(200);
            server.get("/readyz").send().await.expect(200);
            reads += 3;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        free();
        let mended = Instant::now();
        work.more(6).await;
        work.end();
        (full, mended, reads)
    };
    let (_, (full, mended, reads)) = tokio::join!(Writer::run_all(&mut writers, &server, &work), breaking);
    for writer in &mut writers {
        writer.ask_for_all(&server).await;
    }
    drop(tenant);
    assert!(server.terminate().success());
    let mut tally = tally_of(&writers);
    tally.assert_nothing_wrong();
    assert_eq!(tally.unanswered, 0);
    assert!(!tally.refusals.is_empty(), "it was never full: {}", tally.answers());
    let recovered = tally.recovered_after(mended).expect("it recovered");
    let database = afterwards();
    let mut found = Found::default();
    writers.iter().for_each(|writer| writer.check(&database, &mut found));
    assert!(found.creations > 5, "too little happened: {}", tally.answers());
    process::run(&database, &["audit", "verify"]).await;
    let mut figures = Figures::of(fault, Backend::Sqlite);
    figures
        .add("it lasted", milliseconds(mended - full))
        .add("answers to those who write", tally.answers())
        .add("until a 503", spread(&mut tally.refusals))
        .add("reads meanwhile, all answered 200", reads)
        .add("first good write after there was room", milliseconds(recovered))
        .add("acknowledged, and there afterwards", found.creations + found.revocations)
        .add("acknowledged and lost", 0)
        .add("not acknowledged: done whole", found.unannounced)
        .add("not acknowledged: not done at all", found.undone);
    figures.publish();
}
