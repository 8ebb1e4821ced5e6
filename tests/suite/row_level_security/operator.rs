//! What the operator does about the wall: a role that it holds for, and backups that see past it.

use super::{Full, server, texts, walled};
use crate::support::database::TestDatabase;
use crate::support::dump::dump;
use crate::support::postgres::{Postgres, find_binaries};
use crate::support::{Backend, Server, log, tests_once};
use std::process::Command;
use std::sync::Arc;

tests_once![a_role_that_the_wall_does_not_hold_for_is_warned_of_at_the_start, a_dump_has_the_rows_of_all_tenants];

async fn a_role_that_the_wall_does_not_hold_for_is_warned_of_at_the_start() {
    const WARNING: &str = "the database's role is a superuser or has BYPASSRLS";
    let start = || Postgres::private(&[]);
    let postgres = tokio::task::spawn_blocking(start).await.expect("no panic").expect("a PostgreSQL");
    let database = Arc::new(TestDatabase::elsewhere(postgres.application_url().to_owned()));
    Server::on(database, |_| {}).await;
    let already = log::events_of(WARNING).len();
    let database = Arc::new(TestDatabase::elsewhere(postgres.url().to_owned()));
    Server::on(database, |_| {}).await;
    assert_eq!((already, log::events_of(WARNING).len()), (0, 1));
}

/// The commands of `docs/operations/postgresql.md`, as the application's role.
async fn a_dump_has_the_rows_of_all_tenants() {
    let server = server().await;
    let (one, other) = (Full::new(&server).await, Full::new(&server).await);
    let empty = || TestDatabase::empty(Backend::Postgres);
    let restored = tokio::task::spawn_blocking(empty).await.expect("no panic");
    let binaries = find_binaries().expect("PostgreSQL's programs");
    let run = |program: &str, arguments: &[&str], options: &str| {
        let mut command = Command::new(binaries.join(program));
        let output = command.args(arguments).env("PGOPTIONS", options).output().expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let file = tempfile::NamedTempFile::new_in(crate::support::environment::directory()).expect("a file");
    let (file, url) = (file.path().to_str().expect("a path"), server.database.connection_url());
    let arguments = ["--format=custom", "--file", file, &url];
    let (succeeded, said) = run("pg_dump", &arguments, "");
    assert!(!succeeded && said.contains("row-level security"), "a dump without rows must not look like one: {said}");

    let arguments = ["--format=custom", "--enable-row-security", "--file", file, &url];
    let (succeeded, said) = run("pg_dump", &arguments, "-c keyward.organization=*");
    assert!(succeeded, "{said}");
    let url = restored.connection_url();
    let (succeeded, said) =
        run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &url, file], "-c keyward.organization=*");
    assert!(succeeded, "{said}");
    let tables = walled(super::postgres(&mut restored.connect()));
    assert_eq!(tables, walled(super::postgres(&mut server.database.connect())));
    assert_eq!(dump(&restored), dump(&server.database));
    let keys = texts(super::postgres(&mut restored.connect()), "SELECT id AS text FROM api_keys ORDER BY id");
    assert_eq!(keys, [one.key.id, other.key.id]);
}
