//! [`Stage`]: where all databases and logs of a run are; [`Database`]: a fresh one for each scenario.

use crate::postgres::{Postgres, ROLE};
use crate::process::{SERVER_CORE, Server};
use diesel::connection::SimpleConnection;
use keyward::base::sql::{Conn, DatabaseUrl};
use keyward::infra::db::Manager;
use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// For the whole run.
pub struct Stage {
    directory: TempDir,
    postgres: OnceCell<Postgres>,
    numbers: Cell<u32>,
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As the tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Stage {
    /// On a disk: `/tmp` is memory on some systems, where a commit costs nothing.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix_in("keyward-bench-", "/var/tmp").expect("a directory in /var/tmp");
        Self { directory, postgres: OnceCell::new(), numbers: Cell::new(0) }
    }

    /// Where scenarios put files of their own.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The one PostgreSQL, started when it is first asked for.
    pub fn postgres(&self) -> &Postgres {
        self.postgres.get_or_init(|| Postgres::start(Path::new("/var/tmp")).unwrap_or_else(|error| panic!("{error}")))
    }

    /// A file that nobody has yet.
    pub fn file(&self, suffix: &str) -> PathBuf {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        self.directory().join(format!("{number}{suffix}"))
    }

    /// An empty database.
    pub fn database(&self, kind: Kind) -> Database<'_> {
        match kind {
            Kind::Sqlite => {
                let url = format!("sqlite://{}", self.file(".db").display());
                Database { stage: self, url, name: None }
            }
            Kind::Postgres => {
                let name = format!("bench_{}", self.file("").file_name().expect("a name").display());
                self.postgres().administer(&format!("CREATE DATABASE {name} OWNER {ROLE}"));
                Database { stage: self, url: self.postgres().url(&name), name: Some(name) }
            }
        }
    }
}

/// A database of one scenario.
pub struct Database<'s> {
    pub stage: &'s Stage,
    url: String,
    name: Option<String>,
}

impl Database<'_> {
    /// As `DATABASE_URL` has it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes the tables, and opens a connection beside the servers' own.
    pub fn migrate(&self) -> Conn {
        let url: DatabaseUrl = self.url.parse().expect("a database's URL");
        keyward::infra::db::migrate(&url).unwrap_or_else(|error| panic!("{error}"));
        self.connect()
    }

    /// A connection beside the servers' own, which sees the rows of all tenants.
    pub fn connect(&self) -> Conn {
        let url = self.name.as_ref().map_or_else(|| self.url.clone(), |name| self.stage.postgres().superuser_url(name));
        let url: DatabaseUrl = url.parse().expect("a database's URL");
        let mut conn = Manager::new(url).open().unwrap_or_else(|error| panic!("{error}"));
        if matches!(conn, Conn::Postgres(_)) {
            conn.batch_execute("SET statement_timeout = 0").expect("a setting");
        }
        conn
    }

    /// The real server on it, on the server's core.
    pub fn serve(&self) -> Server {
        self.serve_on(SERVER_CORE, &[])
    }

    /// The real server on these cores, with further arguments.
    pub fn serve_on(&self, cores: &str, arguments: &[&str]) -> Server {
        let mut all = vec!["real", "--database", self.url()];
        all.extend(arguments);
        let server = Server::of_this_build(cores, &all, &self.stage.file(".log"));
        server.until_ready();
        server
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.stage.postgres().administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}
