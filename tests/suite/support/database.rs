//! A fresh database for each server, copied from a template that is migrated and has a signing key: no test pays for
//! migrations or for making an RSA key.

use super::environment;
use super::node::Node;
use super::server::test_config;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::{Connection, QueryResult, QueryableByName, sql_query};
use keyward::base::sql::{Conn, DatabaseUrl};
use keyward::base::time::Clock;
use keyward::infra::db::{Manager, Scope};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// The database that a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As it stands in a test's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database of one test; removed when the last server on it is gone.
pub struct TestDatabase {
    place: Place,
}

enum Place {
    Sqlite {
        directory: TempDir,
    },
    Postgres {
        name: String,
    },
    /// On a server of the test's own, which it goes with.
    Elsewhere {
        url: String,
    },
}

impl TestDatabase {
    /// A copy of the template.
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let template = sqlite_template();
                let database = Self::empty(backend);
                let file = database.sqlite_file().expect("an SQLite database has a file");
                std::fs::copy(template, file).expect("the template can be copied");
                database
            }
            Backend::Postgres => {
                let name = format!("keyward_{}_{}", std::process::id(), next_number());
                let statement = format!(
                    "CREATE DATABASE {name} TEMPLATE {} OWNER {}",
                    postgres_template(),
                    environment::postgres_owner()
                );
                administer(&statement).unwrap_or_else(|error| panic!("{error}"));
                Self { place: Place::Postgres { name } }
            }
        }
    }

    /// A database without a table, for tests of migrations and of first starts.
    pub fn empty(backend: Backend) -> Self {
        let place = match backend {
            Backend::Sqlite => {
                let directory = TempDir::new_in(environment::directory()).expect("a directory for the database");
                Place::Sqlite { directory }
            }
            Backend::Postgres => {
                let name = format!("keyward_{}_{}", std::process::id(), next_number());
                administer(&format!("CREATE DATABASE {name} OWNER {}", environment::postgres_owner()))
                    .unwrap_or_else(|error| panic!("{error}"));
                Place::Postgres { name }
            }
        };
        Self { place }
    }

    /// A database that is there already, on a server of the test's own.
    pub fn elsewhere(url: String) -> Self {
        Self { place: Place::Elsewhere { url } }
    }

    /// As `DATABASE_URL` has it.
    pub fn connection_url(&self) -> String {
        match &self.place {
            Place::Sqlite { directory } => format!("sqlite://{}", sqlite_file_in(directory.path()).display()),
            Place::Postgres { name } => environment::postgres_url(name),
            Place::Elsewhere { url } => url.clone(),
        }
    }

    /// The file, if it is SQLite.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Sqlite { directory } => Some(sqlite_file_in(directory.path())),
            Place::Postgres { .. } | Place::Elsewhere { .. } => None,
        }
    }

    /// A connection beside the servers' own, in their role; it sees the rows of all tenants.
    pub fn connect(&self) -> Conn {
        open(&self.url())
    }

    /// One of PostgreSQL's superuser.
    pub fn connect_as_superuser(&self) -> PgConnection {
        let Place::Postgres { name } = &self.place else { panic!("for a database of the one PostgreSQL") };
        let url = environment::postgres_superuser_url(name);
        PgConnection::establish(&url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// As the library has it.
    pub fn url(&self) -> DatabaseUrl {
        self.connection_url().parse().expect("a database's URL")
    }

    /// Runs a statement beside the servers, for states that no request can bring about.
    pub fn execute(&self, statement: &str) -> usize {
        use diesel::RunQueryDsl;
        match &mut self.connect() {
            Conn::Postgres(conn) => sql_query(statement).execute(conn),
            Conn::Sqlite(conn) => sql_query(statement).execute(conn),
        }
        .unwrap_or_else(|error| panic!("{statement}: {error}"))
    }
}

impl TestDatabase {
    /// [`TestDatabase::execute`] of a change of access without an audit event.
    pub fn execute_unrecorded(&self, statement: &str) {
        if matches!(self.place, Place::Postgres { .. }) {
            let quietly = format!("SET session_replication_role = replica; {statement}");
            let done = self.connect_as_superuser().batch_execute(&quietly);
            return done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        self.execute(statement);
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

impl TestDatabase {
    /// The column `text` of a query's rows.
    pub fn texts(&self, statement: &str) -> Vec<String> {
        use diesel::RunQueryDsl;
        let rows: QueryResult<Vec<Line>> = match &mut self.connect() {
            Conn::Postgres(conn) => sql_query(statement).load(conn),
            Conn::Sqlite(conn) => sql_query(statement).load(conn),
        };
        rows.unwrap_or_else(|error| panic!("{statement}: {error}")).into_iter().map(|line| line.text).collect()
    }

    /// How SQLite runs a query.
    pub fn plan(&self, statement: &str) -> String {
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = diesel::sql_types::Text)]
            detail: String,
        }
        let Conn::Sqlite(conn) = &mut self.connect() else { panic!("for SQLite") };
        let steps: QueryResult<Vec<Step>> =
            diesel::RunQueryDsl::load(sql_query(format!("EXPLAIN QUERY PLAN {statement}")), conn);
        let steps = steps.unwrap_or_else(|error| panic!("{statement}: {error}"));
        steps.into_iter().map(|step| step.detail + "\n").collect()
    }

    /// Makes every writer to `api_keys` wait while the connection lives; readers go on.
    pub fn hold_writers(&self) -> Conn {
        let mut conn = self.connect();
        let statement = match &conn {
            Conn::Postgres(_) => "BEGIN; LOCK TABLE api_keys IN EXCLUSIVE MODE",
            Conn::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        conn.batch_execute(statement).expect("the lock is free");
        conn
    }

    /// Ends every connection to a PostgreSQL database, and lets nobody in again.
    pub fn take_away(&self) {
        let Place::Postgres { name } = &self.place else { panic!("an embedded database is never away") };
        for statement in [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        ] {
            administer(&statement).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Postgres { name } = &self.place {
            drop_database(name);
        }
    }
}

fn sqlite_file_in(directory: &Path) -> PathBuf {
    directory.join("keyward.db")
}

fn open(url: &DatabaseUrl) -> Conn {
    let mut conn = Manager::new(url.clone()).open().unwrap_or_else(|error| panic!("{url}: {error}"));
    if matches!(conn, Conn::Postgres(_)) {
        conn.batch_execute(&Scope::AllTenants.for_session()).expect("a setting");
    }
    conn
}

fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn administer(statement: &str) -> Result<(), String> {
    let conn = PgConnection::establish(environment::postgres_admin_url());
    let done = conn
        .map_err(|error| error.to_string())
        .and_then(|mut conn| conn.batch_execute(statement).map_err(|error| error.to_string()));
    done.map_err(|error| format!("{statement}: {error}"))
}

/// Complains instead of panicking: it runs while a failed test unwinds, too.
fn drop_database(name: &str) {
    if let Err(error) = administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")) {
        eprintln!("{error}");
    }
}

static SQLITE_TEMPLATE: OnceLock<TestDatabase> = OnceLock::new();
static POSTGRES_TEMPLATE: OnceLock<TestDatabase> = OnceLock::new();

fn sqlite_template() -> PathBuf {
    let template = SQLITE_TEMPLATE.get_or_init(|| {
        let template = make_template(Backend::Sqlite);
        // Everything into the one file that is copied.
        open(&template.url()).batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
        template
    });
    template.sqlite_file().expect("an SQLite database has a file")
}

fn postgres_template() -> &'static str {
    match &POSTGRES_TEMPLATE.get_or_init(|| make_template(Backend::Postgres)).place {
        Place::Postgres { name } => name,
        Place::Sqlite { .. } | Place::Elsewhere { .. } => unreachable!("made on PostgreSQL"),
    }
}

/// The first start of a server migrates, and makes the signing key. On PostgreSQL the template also refuses whatever changes
/// access without an audit event.
fn make_template(backend: Backend) -> TestDatabase {
    let template = TestDatabase::empty(backend);
    keyward::infra::db::migrate(&template.url()).unwrap_or_else(|reason| panic!("{reason}"));
    if backend == Backend::Postgres {
        open(&template.url()).batch_execute(include_str!("unrecorded.sql")).expect("the triggers are good");
    }
    let node = Node::start(test_config(&template), Clock::system());
    drop(node.unwrap_or_else(|reason| panic!("the server does not start: {reason}")));
    template
}

/// On a PostgreSQL that stays, the template must not.
pub fn drop_templates() {
    if let Some(TestDatabase { place: Place::Postgres { name } }) = POSTGRES_TEMPLATE.get() {
        drop_database(name);
    }
}
