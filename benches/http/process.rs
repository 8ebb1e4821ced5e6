//! Servers as processes of their own, on a core of their own.

use crate::client::{Connection, request};
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// The server's core.
pub const SERVER_CORE: &str = "0";
/// The load generator's.
pub const CLIENT_CORE: &str = "1";
/// All there are. To be asked for: children inherit the driver's one core.
pub const ANY_CORE: &str = "0-1023";

/// A program on these cores; anywhere where `taskset` is missing, as on macOS.
pub fn pinned(cores: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}

/// Whether programs can be kept on a core here.
pub fn can_pin() -> bool {
    Command::new("taskset").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A server that says `listening ADDRESS` and then serves. Dropping it kills it.
pub struct Server {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
    /// What followed the address.
    pub greeting: String,
    started: Instant,
}

impl Server {
    /// `serve …` of this very program.
    pub fn of_this_build(cores: &str, arguments: &[&str], log: &Path) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        Self::of_build(&program, cores, arguments, log)
    }

    /// `serve …` of another build of it.
    pub fn of_build(program: &Path, cores: &str, arguments: &[&str], log: &Path) -> Self {
        let mut command = pinned(cores, program);
        command.arg("serve").args(arguments);
        Self::start(command, log)
    }

    /// Starts it; its standard error goes to the log.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let errors = std::fs::File::create(log).expect("the log can be made");
        let started = Instant::now();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let input = child.stdin.take().expect("standard input is piped");
        let mut output = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
        // Others may have a word to say before.
        let mut lines = output.by_ref().map_while(Result::ok);
        let line = lines.find_map(|line| Some(line.strip_prefix("listening ")?.to_owned())).unwrap_or_default();
        let mut words = line.splitn(2, ' ');
        let Some(address) = words.next().and_then(|address| address.parse().ok()) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} does not serve:\n{}", std::fs::read_to_string(log).unwrap_or_default());
        };
        let greeting = words.next().unwrap_or_default().to_owned();
        Self { child, input, output, address, greeting, started }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, which `taskset` became.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The time from its start to the first 200 of `/readyz`.
    pub fn until_ready(&self) -> Duration {
        let ask = request("GET", "/readyz", &[], "");
        while Connection::open(self.address).send(&ask).status != 200 {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.started.elapsed()
    }

    /// Asks how many statements it has sent to its database so far; only where it counts them.
    pub fn statements(&mut self) -> u64 {
        writeln!(self.input, "statements").expect("the server still runs");
        let line = self.output.next().expect("an answer").expect("an answer");
        line.parse().expect("a number")
    }

    /// Waits, for a minute at most, until it has nothing left to do: uses of keys are written up to five seconds later,
    /// and a hundred thousand of them take its core for a second and a half.
    pub fn until_quiet(&self) {
        for _ in 0..10 {
            let before = self.processor_ticks();
            std::thread::sleep(Duration::from_secs(6));
            if self.processor_ticks() - before < 5 {
                return;
            }
        }
    }

    /// The processor's time that it has had, in hundredths of a second.
    fn processor_ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.id());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let fields: Vec<&str> = text.rsplit_once(") ").expect("a name in brackets").1.split(' ').collect();
        [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
    }

    /// Resident bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a size");
        kibibytes * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
