//! One throwaway PostgreSQL for the whole run: no network, no durability, gone with the process that started it.

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names a server to use instead.
const EXISTING: &str = "KEYWARD_TEST_POSTGRES_URL";

const MISSING: &str = "PostgreSQL is not installed, and every test runs on it too.
  Debian, Ubuntu: apt-get install postgresql
  macOS:          brew install postgresql@17
Or let KEYWARD_TEST_POSTGRES_URL name a server where databases may be created.";

/// Starts the server, and again after each signal that it is told to send, until nobody holds its standard input any
/// more; then it clears up. The kernel closes that pipe however the suite ends, so even a killed run leaves nothing behind.
const KEEPER: &str = r#"
"$@" & server=$!
while read -r signal; do
    kill -"$signal" "$server"
    wait "$server"
    "$@" & server=$!
done
kill -QUIT "$server"
wait "$server"
rm -rf "$DIRECTORY"
"#;

/// Who the servers are: the owner of their databases, and no superuser, so that row-level security holds for them
/// throughout the suite.
pub const ROLE: &str = "keyward_suite";

/// The running server.
pub struct Postgres {
    /// Its superuser's.
    url: String,
    application_url: String,
    keeper: Option<Child>,
}

impl Postgres {
    /// Starts one, or takes the one that the environment names.
    pub fn start() -> Result<Self, String> {
        if let Ok(url) = std::env::var(EXISTING) {
            let application_url = make_role(&url).map_err(|error| format!("{EXISTING}: {error}"))?;
            return Ok(Self { url, application_url, keeper: None });
        }
        Self::private(&[])
    }

    /// One for a single test, with settings of its own, that may be restarted.
    pub fn private(settings: &[&str]) -> Result<Self, String> {
        let binaries = find_binaries().ok_or(MISSING)?;
        let directory = TempDir::with_prefix("keyward-pg-").map_err(|error| error.to_string())?;
        let user = ServerUser::owning(directory.path())?;
        let data = directory.path().join("data");
        let mut initdb = user.command(&binaries.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        run(&mut initdb)?;

        // Once it runs, the keeper removes the directory.
        let directory = directory.keep();
        let mut server = user.command(&binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&directory);
        for setting in [
            "listen_addresses=",
            "max_connections=200",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "autovacuum=off",
        ] {
            server.args(["-c", setting]);
        }
        settings.iter().for_each(|setting| _ = server.args(["-c", setting]));
        let log = std::fs::File::create(directory.join("server.log")).map_err(|error| error.to_string())?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .env("DIRECTORY", &directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // A group of its own: Ctrl-C reaches the suite, and the suite's end reaches the keeper.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        let url = format!("postgres://postgres@/postgres?host={}", directory.display());
        let mut server = Self { application_url: url.clone(), url, keeper: Some(keeper) };
        server.wait_until_ready(&directory)?;
        server.application_url = make_role(&server.url)?;
        administer(&server.url, &format!("ALTER DATABASE postgres OWNER TO {ROLE}"))?;
        Ok(server)
    }

    /// The URL of its `postgres` database, for a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same for [`ROLE`], which owns that database on a server of the suite's own.
    pub fn application_url(&self) -> &str {
        &self.application_url
    }

    /// Where its socket is.
    pub fn socket_directory(&self) -> &Path {
        Path::new(self.url.split_once("host=").map_or("", |(_, directory)| directory))
    }

    /// Stops it with `INT` (disconnects everybody) or `QUIT` (as in a crash), and starts it again. Returns at once.
    pub fn restart(&mut self, signal: &str) {
        let keeper =
            self.keeper.as_mut().and_then(|keeper| keeper.stdin.as_mut()).expect("a server of the suite's own");
        keeper.write_all(format!("{signal}\n").as_bytes()).expect("its keeper lives");
    }

    /// Stops it, unless it was there before.
    pub fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            // Waiting closes the pipe, which is the sign to stop.
            if let Err(error) = keeper.wait() {
                eprintln!("PostgreSQL was not stopped: {error}");
            }
        }
    }

    fn wait_until_ready(&self, directory: &Path) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match PgConnection::establish(&self.url) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let log = std::fs::read_to_string(directory.join("server.log")).unwrap_or_default();
                    return Err(format!("PostgreSQL did not start: {error}\n{log}"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Makes [`ROLE`], and gives the URL with it; the same URL where it is of somebody who may not make roles.
fn make_role(url: &str) -> Result<String, String> {
    let made = administer(
        url,
        &format!(
            "DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
                    CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}';
                END IF;
            END $$"
        ),
    );
    match made {
        Ok(()) => {}
        Err(reason) if reason.contains("permission denied") => return Ok(url.to_owned()),
        Err(reason) => return Err(reason),
    }
    let (scheme, rest) = url.split_once("://").ok_or("it is no URL")?;
    let (authority, rest) = rest.split_once('/').ok_or("it names no database")?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(format!("{scheme}://{ROLE}:{ROLE}@{host}/{rest}"))
}

fn administer(url: &str, statement: &str) -> Result<(), String> {
    let mut conn = PgConnection::establish(url).map_err(|error| error.to_string())?;
    conn.batch_execute(statement).map_err(|error| format!("{statement}: {error}"))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Who the server runs as: it refuses root.
pub enum ServerUser {
    Myself,
    Postgres,
}

impl ServerUser {
    /// Whose directory this fresh one is tells who we are; the server's user becomes its owner.
    pub fn owning(directory: &Path) -> Result<Self, String> {
        let owner = std::fs::metadata(directory).map_err(|error| error.to_string())?.uid();
        if owner != 0 {
            return Ok(Self::Myself);
        }
        run(Command::new("chown").arg("postgres:").arg(directory))?;
        Ok(Self::Postgres)
    }

    /// A program as that user.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::Myself => Command::new(program),
            Self::Postgres => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--inh-caps=-all", "--"])
                    .arg(program);
                command
            }
        };
        // Not where the suite was started: the server's user may not be allowed to be there.
        command.current_dir("/");
        command
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The newest version's directory that has `initdb` and `postgres`; Debian keeps it off the PATH.
pub fn find_binaries() -> Option<PathBuf> {
    let mut candidates = Vec::new();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql@"), ("/usr/local/opt", "postgresql@")]
    {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        candidates.extend(versions.into_iter().map(|(_, path)| path));
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        candidates.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    candidates.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    candidates.into_iter().find(|path| path.join("initdb").is_file() && path.join("postgres").is_file())
}
