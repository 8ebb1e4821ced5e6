//! No command but `serve`, `demo` and `migrate` makes a database or migrates one.

use crate::support::database::TestDatabase;
use crate::support::process::{command, command_on, output};
use crate::support::{Backend, environment, tests, tests_once};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

tests![no_operators_command_migrates_a_database];

tests_once![
    every_command_is_in_one_of_the_lists,
    no_command_but_three_writes_a_file_where_there_is_no_database,
    a_postgresql_that_is_not_there_is_named_without_its_password
];

/// The commands that make a database.
const MAKERS: [&str; 3] = ["demo", "migrate", "serve"];

/// The commands that need no database, with their arguments.
const OFFLINE: [(&str, &[&str]); 6] = [
    ("config check", &[]),
    ("configure", &["--key", "sk_live_x"]),
    ("get", &["/v1/whoami"]),
    ("healthcheck", &[]),
    ("openapi", &[]),
    ("whoami", &[]),
];

const ORGANIZATION: &str = "org_01k4w5c9q2e0vb7m3t8z6r1xhd";
const WORKSPACE: &str = "ws_01k4w5c9q2e0vb7m3t8z6r1xhd";

/// The operator's commands, with arguments that are valid.
const OPERATORS: [(&str, &[&str]); 27] = [
    ("audit export", &[ORGANIZATION]),
    ("audit verify", &[]),
    ("backup", &["copy.db"]),
    ("collection delete", &["posts", "--yes"]),
    ("collection list", &[]),
    ("identity rotate-key", &[]),
    ("identity rotate-master-secret", &[]),
    ("keys export", &[]),
    ("keys import", &["--format", "jsonl", "-"]),
    ("keys revoke", &["--workspace", WORKSPACE, "--prefix", "sk_live_abcdef"]),
    ("organization create", &["Acme", "--owner", "a@example.com"]),
    ("organization list", &[]),
    ("role list", &[]),
    ("service-token change", &["svt_01k4w5c9q2e0vb7m3t8z6r1xhd", "--can", "keys:verify"]),
    ("service-token create", &["--name", "Gateway"]),
    ("service-token list", &[]),
    ("service-token revoke", &["svt_01k4w5c9q2e0vb7m3t8z6r1xhd"]),
    ("service-token roll", &["svt_01k4w5c9q2e0vb7m3t8z6r1xhd"]),
    ("subscription set", &[ORGANIZATION, "--status", "active"]),
    ("user create", &["a@example.com", "--owner-of", "Acme"]),
    ("user delete", &["a@example.com", "--yes"]),
    ("user disable", &["a@example.com"]),
    ("user enable", &["a@example.com"]),
    ("user list", &[]),
    ("user set-password", &["a@example.com"]),
    ("user sign-out", &["a@example.com"]),
    ("user verify-email", &["a@example.com"]),
];

fn arguments<'a>((name, rest): &(&'a str, &'a [&'a str])) -> Vec<&'a str> {
    name.split(' ').chain(rest.iter().copied()).collect()
}

/// Returns the names of the commands that have no commands below them.
fn leaves(command: &clap::Command, before: &str) -> BTreeSet<String> {
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let mut names = BTreeSet::new();
    for below in below {
        let name = format!("{before} {}", below.get_name()).trim().to_owned();
        match below.has_subcommands() {
            true => names.extend(leaves(below, &name)),
            false => _ = names.insert(name),
        }
    }
    names
}

async fn every_command_is_in_one_of_the_lists() {
    let tested = OFFLINE.iter().chain(&OPERATORS).map(|(name, _)| *name).chain(MAKERS).map(str::to_owned);
    assert_eq!(leaves(&keyward::cli::commands(), ""), tested.collect());
}

async fn no_command_but_three_writes_a_file_where_there_is_no_database() {
    let place = TempDir::new_in(environment::directory()).expect("a directory");
    for (is_operators, case) in
        OFFLINE.iter().map(|case| (false, case)).chain(OPERATORS.iter().map(|case| (true, case)))
    {
        let mut run = command(&arguments(case));
        // The home is elsewhere: `configure` writes there.
        let home = TempDir::new_in(environment::directory()).expect("a directory");
        run.current_dir(place.path()).env("XDG_CONFIG_HOME", home.path());
        let said = output(run).await;
        let left: Vec<_> = fs::read_dir(place.path()).expect("the directory").filter_map(Result::ok).collect();
        assert!(left.is_empty(), "{}: {left:?}", case.0);
        if is_operators {
            let errors = String::from_utf8_lossy(&said.stderr).into_owned();
            assert_eq!(said.status.code(), Some(1), "{}: {errors}", case.0);
            assert!(said.stdout.is_empty(), "{} says something", case.0);
            let path = place.path().join("data/keyward.db");
            for part in [path.to_str().expect("a path"), "--database-url", "keyward migrate"] {
                assert!(errors.contains(part), "{} does not name {part}: {errors}", case.0);
            }
        }
    }
}

async fn no_operators_command_migrates_a_database(db: Backend) {
    // Without a table; and with all but the last migration.
    let empty = TestDatabase::empty(db);
    if let Some(file) = empty.sqlite_file() {
        fs::write(file, "").expect("an empty file");
    }
    let older = TestDatabase::create(db);
    let last = "SELECT max(version) AS text FROM __diesel_schema_migrations";
    let last = older.texts(last).pop().expect("a version");
    older.execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{last}'"));
    let tables = |database: &TestDatabase| {
        database.texts(match db {
            Backend::Sqlite => "SELECT name AS text FROM sqlite_schema ORDER BY name",
            Backend::Postgres => {
                "SELECT table_name AS text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
            }
        })
    };
    let versions = "SELECT version AS text FROM __diesel_schema_migrations ORDER BY version";
    let before = (tables(&older), older.texts(versions));
    let folder = TempDir::new_in(environment::directory()).expect("a directory");
    for case in OPERATORS.iter().filter(|(name, _)| *name != "backup") {
        for database in [&empty, &older] {
            let mut run = command_on(database, &arguments(case));
            run.current_dir(folder.path());
            let said = output(run).await;
            let errors = String::from_utf8_lossy(&said.stderr).into_owned();
            assert_eq!(said.status.code(), Some(1), "{}: {errors}", case.0);
            assert!(errors.contains("lacks the migrations") && errors.contains("keyward migrate"), "{errors}");
        }
        assert!(tables(&empty).is_empty(), "{} made tables", case.0);
        assert_eq!((tables(&older), older.texts(versions)), before, "{}", case.0);
    }
}

async fn a_postgresql_that_is_not_there_is_named_without_its_password() {
    let mut run = command(&["user", "list"]);
    run.env("DATABASE_URL", "postgres://keyward:hunter2@127.0.0.1:1/nowhere");
    let said = output(run).await;
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{errors}");
    assert!(errors.contains("127.0.0.1:1/nowhere") && !errors.contains("hunter2"), "{errors}");
}
