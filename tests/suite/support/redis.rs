//! [`Redis`]: a throwaway server of one test, which can be killed, stopped in its tracks, and started again.

use super::keeper::Keeper;
use super::secrets;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MISSING: &str = "Redis is not installed, and tests of shared rate limits need it.
  Debian, Ubuntu: apt-get install redis-server
  macOS:          brew install redis";

/// A running server. Dropping it ends it, however it is.
pub struct Redis {
    port: u16,
    password: String,
    directory: TempDir,
    keeper: Option<Keeper>,
}

/// Says how to install it, if it is missing.
pub fn require() -> Result<(), String> {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    found.map(|_| ()).map_err(|_| MISSING.to_owned())
}

impl Redis {
    /// Starts one on a free port, with a password.
    pub async fn start() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let password = format!("redis-password-{:06}", NEXT.fetch_add(1, Ordering::Relaxed));
        secrets::register(&password);
        tokio::task::spawn_blocking(move || {
            // Another process may take the port before Redis does.
            for _ in 0..10 {
                let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
                let port = free.local_addr().expect("it has an address").port();
                drop(free);
                let directory = TempDir::with_prefix("keyward-redis-").expect("a directory");
                let mut redis = Self { port, password: password.clone(), directory, keeper: None };
                if redis.launch() {
                    return redis;
                }
            }
            panic!("redis-server does not start")
        })
        .await
        .expect("starting does not panic")
    }

    /// As `rate_limit.store` has it.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// SIGKILL. What it held is gone.
    pub fn kill(&mut self) {
        self.keeper = None;
    }

    /// Starts it again, on the same port and with nothing in it.
    pub fn restart(&mut self) {
        assert!(self.launch(), "redis-server does not start again");
    }

    /// SIGSTOP: connections stay open, and nothing answers.
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let keeper = self.keeper.as_ref().expect("it runs");
        let status = Command::new("kill").args([name, keeper.process_id()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {name} failed");
    }

    fn launch(&mut self) -> bool {
        let port = self.port.to_string();
        let directory = self.directory.path().to_str().expect("a plain path");
        let rest = ["--save", "", "--appendonly", "no", "--requirepass", &self.password];
        let arguments = [&["--bind", "127.0.0.1", "--port", &port, "--dir", directory][..], &rest].concat();
        self.keeper = Some(Keeper::start("redis-server", &arguments));
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            match self.signs_in() {
                Ok(true) => return true,
                Ok(false) => break,
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
        self.kill();
        false
    }

    /// Whether the server on this port is this one: it knows the password.
    fn signs_in(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("AUTH {}\r\n", self.password).as_bytes())?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+OK")
    }
}
