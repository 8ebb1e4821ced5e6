//! [`Crowd`]: thousands of connections that are open and silent. They live in processes of their own, so that the suite
//! has files left to open: this very binary, run again.

use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

const VARIABLE: &str = "KEYWARD_SUITE_CROWD";
/// Files that such a process needs for itself.
const OWN: u64 = 50;

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Settings {
    address: SocketAddr,
    connections: usize,
    /// Whether every second one asks something, and stays open after the answer.
    half_ask_first: bool,
}

/// Connections to one server. They end when this is dropped.
pub struct Crowd {
    members: Vec<(Child, BufReader<ChildStdout>)>,
}

impl Crowd {
    /// Returns when all of them are open.
    pub async fn gather(address: SocketAddr, connections: usize, half_ask_first: bool) -> Self {
        let gathering = move || {
            let limit = getrlimit(Resource::Nofile).maximum.map_or(connections as u64, |limit| limit - OWN);
            let most = usize::try_from(limit).expect("a sensible limit").max(1);
            let mut members = Vec::new();
            let mut left = connections;
            while left > 0 {
                let settings = Settings { address, connections: left.min(most), half_ask_first };
                left -= settings.connections;
                members.push(start(settings));
            }
            let mut crowd = Self { members };
            let open = crowd.open();
            assert_eq!(open, connections, "some were turned away");
            crowd
        };
        tokio::task::spawn_blocking(gathering).await.expect("no panic")
    }

    /// How many are still open.
    pub fn open(&mut self) -> usize {
        let mut open = 0;
        for (child, answers) in &mut self.members {
            child.stdin.as_mut().expect("it is piped").write_all(b"\n").expect("it listens");
            let mut line = String::new();
            answers.read_line(&mut line).expect("it answers");
            open += line.trim().parse::<usize>().expect("a number");
        }
        open
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for (child, _) in &mut self.members {
            // Closes the pipe, which is the sign to end.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

fn start(settings: Settings) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("this binary's path"))
        .env(VARIABLE, serde_json::to_string(&settings).expect("JSON"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let answers = BufReader::new(child.stdout.take().expect("it is piped"));
    (child, answers)
}

/// Runs such a process instead of the tests, if the environment says so. Tells for each line how many connections are open.
pub fn run_if_asked() -> Option<ExitCode> {
    let settings: Settings = serde_json::from_str(&std::env::var(VARIABLE).ok()?).expect("settings");
    keyward::infra::process::fd_limit::raise().expect("more files");
    let mut streams: Vec<TcpStream> =
        (0..settings.connections).map(|place| connect(settings, place).expect("a connection")).collect();
    for _ in std::io::stdin().lines() {
        streams.retain_mut(is_open);
        println!("{}", streams.len());
    }
    Some(ExitCode::SUCCESS)
}

fn connect(settings: Settings, place: usize) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(settings.address)?;
    if settings.half_ask_first && place.is_multiple_of(2) {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?;
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer)?;
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn is_open(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
