//! One throwaway PostgreSQL for the run: as durable as its defaults, and with pg_stat_statements.

use crate::process::{ANY_CORE, pinned};
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Stops the server once nobody holds its standard input any more, however the run ended, and clears up.
const KEEPER: &str = r#"
"$@" & server=$!
read -r _
kill -QUIT "$server"
wait "$server"
rm -rf "$DIRECTORY"
"#;

/// Who the servers are: no superuser, so that what is measured includes row-level security.
pub const ROLE: &str = "keyward";

/// The running server.
pub struct Postgres {
    socket: PathBuf,
    keeper: Child,
    /// As `postgres --version` says.
    pub version: String,
}

impl Postgres {
    /// Starts one in a directory of its own beside the other databases.
    pub fn start(parent: &Path) -> Result<Self, String> {
        let binaries = find_binaries().ok_or("PostgreSQL is missing: scripts/setup.sh postgres installs it")?;
        let directory = TempDir::with_prefix_in("keyward-bench-pg-", parent).map_err(|error| error.to_string())?;
        let root = std::fs::metadata(directory.path()).is_ok_and(|metadata| metadata.uid() == 0);
        if root {
            run(Command::new("chown").arg("postgres:").arg(directory.path()))?;
        }
        let data = directory.path().join("data");
        let mut initdb = as_owner(root, &binaries.join("initdb"));
        run(initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]))?;
        let version = output(Command::new(binaries.join("postgres")).arg("--version"));

        // Once it runs, the keeper removes the directory.
        let directory = directory.keep();
        let mut server = as_owner(root, &binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&directory);
        // Nothing about durability: the defaults are what an operator has.
        for setting in ["listen_addresses=", "max_connections=200", "shared_preload_libraries=pg_stat_statements"] {
            server.args(["-c", setting]);
        }
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
            // A group of its own: Ctrl-C reaches the driver, and the driver's end reaches the keeper.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        let server = Self { socket: directory, keeper, version };
        server.wait_until_ready()?;
        server.administer(&format!("CREATE ROLE {ROLE} LOGIN"));
        Ok(server)
    }

    /// The URL of one of its databases, for the servers.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{ROLE}@/{name}?host={}", self.socket.display())
    }

    /// The URL for what stands beside the servers and prepares what they find.
    pub fn superuser_url(&self, name: &str) -> String {
        format!("postgres://postgres@/{name}?host={}", self.socket.display())
    }

    /// Runs a statement on its own database: makes and drops others.
    pub fn administer(&self, statement: &str) {
        let done = self
            .connect("postgres")
            .and_then(|mut conn| conn.batch_execute(statement).map_err(|error| error.to_string()));
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    fn connect(&self, name: &str) -> Result<PgConnection, String> {
        PgConnection::establish(&self.superuser_url(name)).map_err(|error| error.to_string())
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.connect("postgres") {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let log = std::fs::read_to_string(self.socket.join("server.log")).unwrap_or_default();
                    return Err(format!("PostgreSQL did not start: {error}\n{log}"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Waiting closes the pipe, which is the sign to stop.
        if let Err(error) = self.keeper.wait() {
            eprintln!("PostgreSQL was not stopped: {error}");
        }
    }
}

/// The server refuses root.
fn as_owner(root: bool, program: &Path) -> Command {
    let mut command = pinned(ANY_CORE, if root { Path::new("setpriv") } else { program });
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--inh-caps=-all", "--"]).arg(program);
    }
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_default()
}

/// The newest version's directory; Debian and Homebrew keep it off the PATH.
fn find_binaries() -> Option<PathBuf> {
    let mut candidates = Vec::new();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let version = name.to_str()?.trim_start_matches("postgresql@").parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        candidates.extend(versions.into_iter().map(|(_, path)| path));
    }
    candidates.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    candidates.into_iter().find(|path| path.join("initdb").is_file() && path.join("postgres").is_file())
}
