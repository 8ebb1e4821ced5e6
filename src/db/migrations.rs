//! The embedded migrations: one folder that runs on both databases, and for each the little that the other lacks.

use super::{Conn, DatabaseUrl, connection::Manager};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// Triggers are spelled differently on each. They run after all of [`MIGRATIONS`].
const ON_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations-postgres");
const ON_SQLITE: EmbeddedMigrations = embed_migrations!("migrations-sqlite");

/// Runs the migrations that `url` lacks, and gives their names, oldest first.
///
/// # Errors
/// A text for the operator, when the database can't be reached or a migration fails.
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, String> {
    if let DatabaseUrl::Sqlite(path) = url
        && let Some(folder) = std::path::Path::new(path).parent()
    {
        // The file holds password hashes: a folder that is made for it is its owner's alone.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| format!("can't create {}: {error}", folder.display()))?;
    }
    let mut conn = Manager::new(url.clone())
        .without_prepared_statements()
        .open()
        .map_err(|error| format!("can't open {url}: {error}"))?;
    run_pending(&mut conn).map_err(|error| format!("migrating {url} failed: {error}"))
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
