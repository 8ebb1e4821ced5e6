//! What all tests share: a directory, one log, one PostgreSQL.

use super::postgres::{Postgres, ROLE};
use super::redis;
use super::{log, nginx, proxies};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

struct Shared {
    directory: PathBuf,
    postgres_url: String,
    application_url: String,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// Held by `main`; dropping it stops PostgreSQL and removes all files.
pub struct Environment {
    postgres: Postgres,
    directory: TempDir,
}

impl Environment {
    /// Starts everything.
    pub fn start() -> Result<Self, String> {
        let directory = TempDir::with_prefix("keyward-suite-").map_err(|error| error.to_string())?;
        log::install(&directory.path().join("log.jsonl"))?;
        redis::require()?;
        nginx::require()?;
        proxies::require()?;
        let postgres = Postgres::start()?;
        let shared = Shared {
            directory: directory.path().to_owned(),
            postgres_url: postgres.url().to_owned(),
            application_url: postgres.application_url().to_owned(),
        };
        SHARED.set(shared).map_err(|_| "the environment was started twice")?;
        Ok(Self { postgres, directory })
    }

    /// Saves the log from removal, and tells where it is.
    pub fn keep_log(&self) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed-suite.jsonl");
        match std::fs::copy(self.directory.path().join("log.jsonl"), &kept) {
            Ok(_) => println!("the log of this run: {}\n", kept.display()),
            Err(error) => eprintln!("the log of this run could not be kept: {error}"),
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        super::database::drop_templates();
        self.postgres.stop();
    }
}

fn shared() -> &'static Shared {
    SHARED.get().expect("tests run after the environment has started")
}

/// The directory that is removed at the end.
pub fn directory() -> &'static Path {
    &shared().directory
}

/// The URL of `name` on the one PostgreSQL, for the servers.
pub fn postgres_url(name: &str) -> String {
    with_database(&shared().application_url, name)
}

/// The same for the superuser, whom row-level security does not stop.
pub fn postgres_superuser_url(name: &str) -> String {
    with_database(&shared().postgres_url, name)
}

/// Whom the databases are for, as `CREATE DATABASE … OWNER` takes it.
pub fn postgres_owner() -> &'static str {
    if shared().application_url == shared().postgres_url { "DEFAULT" } else { ROLE }
}

fn with_database(url: &str, name: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

/// The one PostgreSQL's own database, for creating and dropping others.
pub fn postgres_admin_url() -> &'static str {
    &shared().postgres_url
}
