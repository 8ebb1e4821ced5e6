//! Migrations: many processes at once, schemas of another version, and a server that leaves the schema alone.

use crate::support::database::TestDatabase;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::process::{self, Keyward};
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

tests![
    nodes_and_commands_that_start_at_once_on_an_empty_database_all_work,
    one_of_many_migrates_and_the_others_wait_for_it,
    a_migration_that_fails_leaves_the_schema_that_was_there,
    a_schema_that_is_newer_stops_every_command_and_stays_as_it_is,
    without_migrating_a_schema_that_lacks_something_is_refused_and_stays_as_it_is,
    without_migrating_a_complete_schema_serves,
];

const APPLIED: &str = "SELECT version AS text FROM __diesel_schema_migrations ORDER BY version";
/// A migration of a version to come.
const NEWER: &str = "29990101000000";

async fn empty(db: Backend) -> Arc<TestDatabase> {
    Arc::new(tokio::task::spawn_blocking(move || TestDatabase::empty(db)).await.expect("no panic"))
}

/// The tables that there are.
fn tables(database: &TestDatabase, db: Backend) -> Vec<String> {
    database.texts(match db {
        Backend::Sqlite => "SELECT name AS text FROM sqlite_schema ORDER BY name",
        Backend::Postgres => "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    })
}

/// How many migrations there are for a database: those that run on both, and its own.
fn folders(db: Backend) -> usize {
    let own = if db == Backend::Sqlite { "migrations/sqlite" } else { "migrations/postgres" };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = ["migrations/common", own].map(|folder| std::fs::read_dir(root.join(folder)).expect("the folder"));
    entries.into_iter().flatten().filter_map(Result::ok).filter(|entry| entry.path().is_dir()).count()
}

async fn nodes_and_commands_that_start_at_once_on_an_empty_database_all_work(db: Backend) {
    let database = empty(db).await;
    let nodes = join_all((0..4).map(|_| Keyward::serve(database.clone(), "")));
    let commands = join_all((0..4).map(|_| process::run(&database, &["migrate"])));
    let (nodes, _) = tokio::join!(nodes, commands);
    for node in &nodes {
        node.get("/readyz").send().await.expect(200);
    }
    assert_eq!(database.texts(APPLIED).len(), folders(db));
    // They are one cluster: each takes what another one made.
    let server = Server::on(database, |_| {}).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for node in &nodes {
        node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    }
}

async fn one_of_many_migrates_and_the_others_wait_for_it(db: Backend) {
    let database = empty(db).await;
    let said = join_all((0..6).map(|_| process::run(&database, &["migrate"]))).await;
    let migrated: Vec<&String> = said.iter().filter(|said| said.contains("applied ")).collect();
    assert!(migrated.len() == 1 && migrated[0].lines().count() == folders(db), "{said:?}");
    let others = said.iter().filter(|said| said.contains("is up to date")).count();
    assert_eq!(others, 5, "{said:?}");
}

async fn a_migration_that_fails_leaves_the_schema_that_was_there(db: Backend) {
    let database = empty(db).await;
    if let Some(file) = database.sqlite_file() {
        std::fs::write(file, "").expect("an empty file");
    }
    // In the way of a late one: those before it have run by then.
    database.execute("CREATE TABLE access_changes (id BIGINT)");
    let before = tables(&database, db);
    for command in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let said = process::fail(&database, command).await;
        assert!(said.contains("nothing has changed") && said.contains("access_changes"), "{said}");
        assert_eq!(tables(&database, db), before);
    }
    database.execute("DROP TABLE access_changes");
    process::run(&database, &["migrate"]).await;
    assert_eq!(database.texts(APPLIED).len(), folders(db));
}

async fn a_schema_that_is_newer_stops_every_command_and_stays_as_it_is(db: Backend) {
    let server = Server::start(db).await;
    Tenant::new(&server).await;
    let database = server.database.clone();
    drop(server);
    database.execute(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{NEWER}')"));
    let (before, versions) = (dump(&database), database.texts(APPLIED));
    let commands: [&[&str]; 9] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["serve", "--listen", "127.0.0.1:0", "--no-migrate"],
        &["migrate"],
        &["user", "list"],
        &["user", "disable", "nobody@example.com"],
        &["identity", "rotate-key"],
        &["organization", "list"],
        &["service-token", "create", "--name", "A"],
        &["collection", "list"],
    ];
    for command in commands {
        let said = process::fail(&database, command).await;
        for word in [NEWER, env!("CARGO_PKG_VERSION"), "a newer Keyward", "Nothing was changed", "Run that version"] {
            assert!(said.contains(word), "{word} is not in what {command:?} says: {said}");
        }
    }
    assert_unchanged(&before, &database);
    assert_eq!(database.texts(APPLIED), versions);
}

async fn without_migrating_a_schema_that_lacks_something_is_refused_and_stays_as_it_is(db: Backend) {
    let database = empty(db).await;
    let refused = async || process::fail(&database, &["serve", "--listen", "127.0.0.1:0", "--no-migrate"]).await;
    let said = refused().await;
    assert!(said.contains("keyward migrate"), "{said}");
    match database.sqlite_file() {
        Some(file) => assert!(!file.exists(), "a database was made"),
        None => assert!(said.contains("2026-11-22-000000_foundation") && tables(&database, db).is_empty(), "{said}"),
    }
    process::run(&database, &["migrate"]).await;
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261122140000'");
    let (before, versions) = (tables(&database, db), database.texts(APPLIED));
    let said = refused().await;
    assert!(said.contains("2026-11-22-140000_collections") && !said.contains("foundation"), "{said}");
    // The commands, by configuration.
    let mut command = process::command_on(&database, &["organization", "list"]);
    command.env("KEYWARD__DATABASE__MIGRATE", "false");
    assert!(!process::output(command).await.status.success());
    assert_eq!((tables(&database, db), database.texts(APPLIED)), (before, versions));
}

async fn without_migrating_a_complete_schema_serves(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let node = Keyward::serve(server.database.clone(), "[database]\nmigrate = false").await;
    node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}
