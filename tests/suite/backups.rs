//! `keyward backup`: what it copies while servers write, and what it leaves alone.

use crate::support::database::TestDatabase;
use crate::support::postgres::find_binaries;
use crate::support::process::{self, command_on, output};
use crate::support::{Backend, Server, Tenant, environment, tests_once};
use futures_util::future::join_all;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

tests_once![
    a_backup_under_load_restores_to_a_consistent_database_with_all_that_was_answered_before,
    a_file_that_is_there_is_left_alone,
    a_backup_that_fails_leaves_nothing_behind,
    a_newer_schema_can_be_backed_up,
    postgresql_is_told_of_a_pg_dump_that_works,
];

fn folder() -> TempDir {
    TempDir::new_in(environment::directory()).expect("a directory")
}

async fn a_backup_under_load_restores_to_a_consistent_database_with_all_that_was_answered_before() {
    let server = Server::with(Backend::Sqlite, |config| {
        config.plans.get_mut("free").expect("the plan").max_active_keys = 100_000;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let folder = folder();
    let done = AtomicBool::new(false);
    // What was answered before a backup began, and that backup.
    let (answered, target) = tokio::join!(
        async {
            let writers = join_all((0..4).map(|_| async {
                let mut keys = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    keys.push(tenant.create_key(&tenant.owner, json!({})).await.plaintext);
                }
                keys
            }));
            writers.await.concat()
        },
        async {
            let mut last = None;
            for round in 0..5 {
                let before = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
                let target = folder.path().join(format!("{round}.db"));
                process::run(&server.database, &["backup", target.to_str().expect("a path")]).await;
                last = Some((before, target));
            }
            done.store(true, Ordering::Relaxed);
            last.expect("five rounds")
        }
    );
    assert!(answered.len() > 10, "only {} creates went on meanwhile", answered.len());
    let (before, target) = target;
    assert_eq!(fs::metadata(&target).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(!target.with_extension("db-wal").exists() && !target.with_extension("db.unfinished").exists());

    let restored = TestDatabase::empty(Backend::Sqlite);
    fs::copy(&target, restored.sqlite_file().expect("SQLite")).expect("copied");
    let findings = |query: &str| restored.texts(query);
    assert_eq!(findings("SELECT integrity_check AS text FROM pragma_integrity_check"), ["ok"]);
    assert!(findings("SELECT \"table\" AS text FROM pragma_foreign_key_check").is_empty());
    // A key and its value are written in one transaction.
    let without_value = "SELECT id AS text FROM api_keys WHERE id NOT IN (SELECT api_key_id FROM api_key_secrets)";
    assert!(findings(without_value).is_empty());
    let restored = Server::on(Arc::new(restored), |_| {}).await;
    restored.get("/v1/whoami").bearer(&before).send().await.expect(200);
    for key in &answered {
        let answer = restored.get("/v1/whoami").bearer(key).send().await;
        // What was created after the snapshot is not there, and nothing in between.
        assert!(answer.status == 200 || answer.status == 401, "{} {}", answer.status, answer.text);
    }
}

async fn a_file_that_is_there_is_left_alone() {
    let server = Server::start(Backend::Sqlite).await;
    let folder = folder();
    let target = folder.path().join("backup.db");
    fs::write(&target, "mine").expect("written");
    let said = process::fail(&server.database, &["backup", target.to_str().expect("a path")]).await;
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(fs::read_to_string(&target).expect("it is there"), "mine");
}

async fn a_backup_that_fails_leaves_nothing_behind() {
    let folder = folder();
    let missing = format!("sqlite://{}", folder.path().join("none.db").display());
    let target = folder.path().join("backup.db");
    let mut command = process::command(&["backup", target.to_str().expect("a path")]);
    command.env("DATABASE_URL", missing);
    let said = output(command).await;
    assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains("there is no database at"));

    let damaged = folder.path().join("damaged.db");
    fs::write(&damaged, "this is not a database, but long enough to be taken for one ".repeat(100)).expect("written");
    let mut command = process::command(&["backup", target.to_str().expect("a path")]);
    command.env("DATABASE_URL", format!("sqlite://{}", damaged.display()));
    let said = output(command).await;
    assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains("not a database"));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok).collect();
    assert!(left.len() == 1 && left[0].path() == damaged, "{left:?}");
}

async fn a_newer_schema_can_be_backed_up() {
    let server = Server::start(Backend::Sqlite).await;
    server.database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    let folder = folder();
    let target = folder.path().join("backup.db");
    process::run(&server.database, &["backup", target.to_str().expect("a path")]).await;
    assert!(Path::new(&target).exists());
}

async fn postgresql_is_told_of_a_pg_dump_that_works() {
    let server = Server::start(Backend::Postgres).await;
    let tenant = Tenant::new(&server).await;
    let folder = folder();
    let target = folder.path().join("backup.db");
    let said = output(command_on(&server.database, &["backup", target.to_str().expect("a path")])).await;
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && !target.exists(), "{errors}");
    // As pasted, by the role of the server, for which the row-level security holds.
    let line = errors.lines().find(|line| line.contains("pg_dump")).expect("a command");
    let binaries = find_binaries().expect("PostgreSQL's programs");
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").expect("a PATH"));
    let shell = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(folder.path()).env("PATH", &path);
        shell.env("DATABASE_URL", server.database.connection_url()).output().expect("a shell")
    };
    let dumped = shell(line);
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let rows = shell("pg_restore --data-only --table=organizations --file=- keyward.dump");
    assert!(String::from_utf8_lossy(&rows.stdout).contains(&tenant.organization_id), "the dump has no tenant's rows");
}
