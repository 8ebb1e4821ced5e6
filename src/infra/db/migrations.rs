//! The embedded migrations: a folder for both databases, and one for each of them. This module runs them, and checks
//! whether this binary knows the schema.
//!
//! Any number of processes may start at once, on an empty database too. A process that finds pending migrations takes a
//! lock, and looks again: on PostgreSQL an advisory lock, on SQLite the file's write lock (`BEGIN IMMEDIATE`). All
//! pending migrations run in that one transaction, so a failed upgrade changes nothing. The lock belongs to the
//! transaction, not to the session, so it works through pgbouncer. `migrations/README.md` has the rules for migrations.

use super::connection::Manager;
use super::{Scope, normal_emails, transaction};
use crate::base::config;
use crate::base::sql::{Conn, DatabaseUrl, MultiBackend, each};
use crate::infra::process::private_file;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/common");
/// Each database has its own syntax of triggers. These run after all of [`MIGRATIONS`].
const ON_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const ON_SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// `keyward` in ASCII. Advisory locks are per database, so no other tenant of the server can hold it by chance.
const LOCK: i64 = 0x006b_6579_7761_7264;

/// How long a process waits for another process that migrates, in minutes.
const MAX_WAIT_MINUTES: u32 = 5;

/// SQLite refuses at once, despite the busy time-out, when two processes make a new file's journal a WAL.
const OPENING_ATTEMPTS: u32 = 250;
const OPENING_PAUSE: Duration = Duration::from_millis(20);

/// What migrating has done.
#[derive(Debug, Default)]
pub struct Migrated {
    /// The names of the migrations that ran, oldest first.
    pub applied: Vec<String>,
    /// What the operator should know of the data. Nothing of it stops the start.
    pub notes: Vec<String>,
}

/// Migrates the database, or only checks its schema if `database.migrate` is off.
///
/// # Errors
/// As [`migrate`]. Without migrating, those of [`ensure_current`].
pub fn prepare(settings: &config::Database) -> Result<Migrated, String> {
    match settings.migrate {
        true => migrate(&settings.url),
        false => ensure_current(&settings.url).map(|()| Migrated::default()),
    }
}

/// Runs the pending migrations of `url`.
///
/// # Errors
/// A message for the operator if the database can't be reached, a migration fails, or a newer Keyward has migrated the
/// database. Nothing has changed then.
pub fn migrate(url: &DatabaseUrl) -> Result<Migrated, String> {
    if let DatabaseUrl::Sqlite(path) = url {
        make_file(Path::new(path))?;
    }
    let mut conn = open(url)?;
    if let Conn::Sqlite(sqlite) = &mut conn {
        let busy_timeout = format!("PRAGMA busy_timeout = {}", MAX_WAIT_MINUTES * 60_000);
        sqlite.batch_execute(&busy_timeout).map_err(|error| format!("can't open {url}: {error}"))?;
    }
    // The check without the lock is for the usual start: it writes nothing and needs no right to create tables.
    if pending(&mut conn, url)?.is_empty() {
        return Ok(Migrated::default());
    }
    let migrated = transaction::write(&mut conn, |conn| {
        wait_for_the_lock(conn)?;
        pending(conn, url)?;
        let applied = run_pending(conn)?;
        let is_filled = applied.iter().all(|name| name != normal_emails::NAME);
        let notes = if is_filled { Vec::new() } else { normal_emails::fill(conn)? };
        Ok::<_, MigrationFailure>(Migrated { applied, notes })
    });
    migrated.map_err(|MigrationFailure(error)| format!("migrating {url} failed, nothing has changed: {error}"))
}

/// Creates SQLite's file and its folder, if they are missing. No other function makes a database.
fn make_file(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        // The file contains password hashes, so a new folder for it is readable by its owner only.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| format!("can't create {}: {error}", folder.display()))?;
    }
    private_file::claim(path).map_err(|error| format!("can't create {}: {error}", path.display()))
}

/// Checks that the database exists, and has the schema of this binary. Writes nothing.
///
/// # Errors
/// A message for the operator, which names the database and what to do.
pub fn ensure_current(url: &DatabaseUrl) -> Result<(), String> {
    let missing = pending(&mut existing(url)?, url)?;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("{} lacks the migrations {}. {MAKE_OR_NAME}", url.place(), missing.join(", "))),
    }
}

/// Checks that the database exists and is Keyward's, of any version. Writes nothing.
///
/// # Errors
/// As [`ensure_current`].
pub fn ensure_there(url: &DatabaseUrl) -> Result<(), String> {
    let applied = applied(&mut existing(url)?).map_err(|error| unreadable(url, &error))?;
    match applied.is_empty() {
        true => Err(format!("{} is not a database of Keyward. {MAKE_OR_NAME}", url.place())),
        false => Ok(()),
    }
}

/// The advice about a database that is missing or not migrated.
const MAKE_OR_NAME: &str = "If it is the right one, run `keyward migrate` first, or `keyward serve` with \
    database.migrate = true. Otherwise name the server's database: by --database-url, by DATABASE_URL, by database.url in \
    the file of --config, or by running the command in the server's directory";

fn existing(url: &DatabaseUrl) -> Result<Conn, String> {
    if let DatabaseUrl::Sqlite(path) = url
        && !Path::new(path).exists()
    {
        return Err(format!("there is no database at {}. {MAKE_OR_NAME}", url.place()));
    }
    open(url)
}

fn unreadable(url: &DatabaseUrl, error: &diesel::result::Error) -> String {
    format!("can't read the migrations of {}: {error}", url.place())
}

fn open(url: &DatabaseUrl) -> Result<Conn, String> {
    let manager = Manager::new(url.clone()).without_prepared_statements();
    let mut attempts = 0;
    loop {
        match manager.open() {
            Ok(conn) => return Ok(conn),
            Err(error) if attempts < OPENING_ATTEMPTS && error.to_string().contains("database is locked") => {
                attempts += 1;
                thread::sleep(OPENING_PAUSE);
            }
            Err(error) => return Err(format!("can't open {}: {error}", url.place())),
        }
    }
}

/// Why the transaction was rolled back.
struct MigrationFailure(String);

impl<E: ToString> From<E> for MigrationFailure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Returns the names of the pending migrations. Fails if the database has migrations that this binary does not know.
fn pending(conn: &mut Conn, url: &DatabaseUrl) -> Result<Vec<String>, String> {
    let applied = applied(conn).map_err(|error| unreadable(url, &error))?;
    let known = known(conn).map_err(|error| error.to_string())?;
    let is_unknown = |applied: &&String| known.iter().all(|(version, _)| version != *applied);
    let unknown: Vec<&str> = applied.iter().filter(is_unknown).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(format!(
            "{url} has the migrations {}, which Keyward {} does not know: a newer Keyward has migrated it. Nothing was \
             changed. Run that version or a later one, or restore the backup from before the upgrade",
            unknown.join(", "),
            env!("CARGO_PKG_VERSION")
        ));
    }
    let missing = known.into_iter().filter(|(version, _)| !applied.contains(version));
    let mut missing: Vec<String> = missing.map(|(_, name)| name).collect();
    missing.sort_unstable();
    Ok(missing)
}

/// Returns version and name of each migration that this binary has for the database.
fn known(conn: &Conn) -> diesel::migration::Result<Vec<(String, String)>> {
    fn named<DB: diesel::backend::Backend>(
        source: &impl MigrationSource<DB>,
    ) -> diesel::migration::Result<Vec<(String, String)>> {
        let all = source.migrations()?;
        Ok(all.iter().map(|one| (one.name().version().to_string(), one.name().to_string())).collect())
    }
    let mut known = named::<MultiBackend>(&MIGRATIONS)?;
    known.extend(match conn {
        Conn::Postgres(_) => named::<diesel::pg::Pg>(&ON_POSTGRES)?,
        Conn::Sqlite(_) => named::<diesel::sqlite::Sqlite>(&ON_SQLITE)?,
    });
    Ok(known)
}

fn run_pending(conn: &mut Conn) -> diesel::migration::Result<Vec<String>> {
    let mut applied: Vec<String> = conn.run_pending_migrations(MIGRATIONS)?.iter().map(ToString::to_string).collect();
    let own = match conn {
        Conn::Postgres(postgres) => postgres.run_pending_migrations(ON_POSTGRES)?,
        Conn::Sqlite(sqlite) => sqlite.run_pending_migrations(ON_SQLITE)?,
    };
    applied.extend(own.iter().map(ToString::to_string));
    Ok(applied)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Returns the versions in the database's list, without diesel's harness, which would create a missing table.
fn applied(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let list = match conn {
        Conn::Postgres(_) => "SELECT count(*) FROM pg_class WHERE oid = to_regclass('__diesel_schema_migrations')",
        Conn::Sqlite(_) => {
            "SELECT count(*) AS count FROM sqlite_schema WHERE name = '__diesel_schema_migrations' AND type = 'table'"
        }
    };
    let lists: Count = each!(conn, |native| diesel::sql_query(list).get_result(native))?;
    if lists.count == 0 {
        return Ok(Vec::new());
    }
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let rows: Vec<Applied> = each!(conn, |native| diesel::sql_query(query).load(native))?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Takes the lock until the end of the transaction. On SQLite the transaction itself is the lock.
fn wait_for_the_lock(conn: &mut Conn) -> Result<(), MigrationFailure> {
    let Conn::Postgres(postgres) = conn else { return Ok(()) };
    postgres
        .batch_execute(&format!("SET LOCAL lock_timeout = '{MAX_WAIT_MINUTES}min'; SET LOCAL statement_timeout = 0"))?;
    let locked = postgres.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"));
    locked.map_err(|error| format!("another process is migrating for {MAX_WAIT_MINUTES} minutes: {error}"))?;
    // A migration that waits for a table makes all requests on that table wait behind it.
    // A migration that moves rows moves those of all tenants.
    let all_tenants = Scope::AllTenants.for_transaction();
    postgres.batch_execute(&format!("SET LOCAL lock_timeout = '5s'; {all_tenants}"))?;
    Ok(())
}
