//! The real binary: for the command line, and for servers that are killed.

use super::database::TestDatabase;
use super::http::Api;
use super::server::MASTER_SECRET;
use super::{environment, log};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// The longest that a start, a command or a stop may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The binary with these arguments and nothing of the suite's own environment that configures it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("KEYWARD_") || name == "DATABASE_URL" {
            command.env_remove(&*name);
        }
    }
    // Relative paths in the defaults, such as data/, must not end up in the sources.
    command.args(arguments).current_dir(environment::directory()).stdin(Stdio::null());
    command
}

/// The binary against this database.
pub fn command_on(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command
        .env("DATABASE_URL", database.connection_url())
        .env("KEYWARD__IDENTITY__MASTER_SECRET", format!("\"{MASTER_SECRET}\""))
        .env("KEYWARD__IDENTITY__ARGON2", "{ memory_kib = 64, iterations = 1, parallelism = 1 }");
    command
}

/// Gives one command what another one was told of variables and directory: for a program that runs it.
pub fn take_environment(command: &mut Command, from: &Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = from.get_current_dir() {
        command.current_dir(directory);
    }
}

/// Runs a command to its end; its standard error goes into the suite's log.
pub async fn output(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("running does not panic");
    let output = output.expect("the binary runs");
    String::from_utf8_lossy(&output.stderr).lines().for_each(log::append);
    output
}

/// Runs a command against this database, and gives what it printed. It must succeed.
pub async fn run(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = output(command_on(database, arguments)).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "keyward {} failed: {errors}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must fail; gives what it says.
pub async fn fail(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = output(command_on(database, arguments)).await;
    assert!(!output.status.success(), "keyward {} does not fail", arguments.join(" "));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that is a process of its own. It is also its [`Api`]. Dropping it kills it.
pub struct Keyward {
    child: Child,
    log_reader: Option<JoinHandle<()>>,
    api: Api,
}

impl Keyward {
    /// `keyward serve` on this database, on a free port, with a configuration file of this TOML.
    ///
    /// It logs as much as the servers inside the suite, because its log is searched like theirs.
    pub async fn serve(database: Arc<TestDatabase>, configuration: &str) -> Self {
        Self::serve_logging(database, configuration, "debug,keyward=trace").await
    }

    /// [`Keyward::serve`] with another filter of log lines.
    pub async fn serve_logging(database: Arc<TestDatabase>, configuration: &str, filter: &str) -> Self {
        Self::serve_through(database, configuration, filter, |command| command).await
    }

    /// [`Keyward::serve_logging`] by a command that runs it: in another namespace, or with other limits.
    pub async fn serve_through(
        database: Arc<TestDatabase>,
        configuration: &str,
        filter: &str,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Self {
        let nowhere: SocketAddr = ([127, 0, 0, 1], 0).into();
        let (command, _file) = serving(&database, configuration, filter, nowhere);
        Self::start(wrap(command), database).await
    }

    /// [`Keyward::serve_logging`] on this address, with the pause of a stop that the configuration has.
    pub async fn serve_draining_at(
        listen: SocketAddr,
        database: Arc<TestDatabase>,
        configuration: &str,
        filter: &str,
    ) -> Self {
        let (mut command, _file) = serving(&database, configuration, filter, listen);
        command.env_remove(DRAIN_PAUSE);
        Self::start(command, database).await
    }

    /// Any command that serves on this database, and says in its log where.
    pub async fn start(mut command: Command, database: Arc<TestDatabase>) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (sender, listening) = mpsc::channel();
        let stderr = child.stderr.take().expect("standard error is piped");
        let log_reader = Some(thread::spawn(move || follow_log(stderr, &sender)));
        let address = tokio::task::spawn_blocking(move || listening.recv_timeout(LIMIT)).await.expect("no panic");
        let Ok(address) = address else {
            let _ = child.kill();
            panic!("keyward serve did not say where it listens: {:?}", child.wait());
        };
        Self { child, log_reader, api: Api::new(address, database) }
    }

    /// SIGKILL: the process gets no chance to finish anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it still runs");
        self.wait();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Its process's, unless the command that runs it stays its parent.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} failed");
    }

    /// Waits for the end, and until its log is complete.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("keyward serve did not stop"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        if let Some(reader) = self.log_reader.take() {
            reader.join().expect("its log was read to the end");
        }
        status
    }
}

impl Deref for Keyward {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Keyward {
    fn drop(&mut self) {
        // Whatever fails here, it has stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
    }
}

/// The variable of `server.drain_pause`, which servers of the suite don't wait for.
pub const DRAIN_PAUSE: &str = "KEYWARD__SERVER__DRAIN_PAUSE";

/// `keyward serve` with a configuration file of this TOML, and this filter of log lines. The file must outlive the start.
fn serving(database: &TestDatabase, configuration: &str, filter: &str, listen: SocketAddr) -> (Command, NamedTempFile) {
    let mut file = NamedTempFile::with_suffix_in(".toml", environment::directory()).expect("a file");
    file.write_all(configuration.as_bytes()).expect("the configuration can be written");
    let path = file.path().to_str().expect("a plain path").to_owned();
    let mut command = command_on(database, &["serve", "--listen", &listen.to_string(), "--config", &path]);
    command.env("KEYWARD__LOG__FILTER", format!("\"{filter}\"")).env("KEYWARD__LOG__FORMAT", "json");
    // Tests of stops that drain set it.
    command.env(DRAIN_PAUSE, "0s");
    // Many of them run at once.
    command.env("KEYWARD__METRICS__LISTEN", "127.0.0.1:0");
    (command, file)
}

/// Copies the log of a child, and reports the address that one of its lines names.
fn follow_log(stderr: ChildStderr, listening: &mpsc::Sender<SocketAddr>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        log::append(&line);
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "listening"
            && let Some(address) = event["address"].as_str().and_then(|address| address.parse().ok())
        {
            // Nobody waits for a second one.
            let _ = listening.send(address);
        }
    }
}
