//! [`Proxy`]: a line to PostgreSQL that the test can cut, delay and hold up.

use crate::support::environment;
use crate::support::postgres::ROLE;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What libpq calls the socket of the standard port.
pub const SOCKET: &str = ".s.PGSQL.5432";

/// A socket that leads to another one.
pub struct Proxy {
    directory: TempDir,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    refuses: AtomicBool,
    holds: AtomicBool,
    /// Milliseconds, in each direction, for each piece of data.
    delay: AtomicU64,
    over: AtomicBool,
    streams: Mutex<Vec<UnixStream>>,
}

impl Proxy {
    /// A line to the server whose socket is in this directory.
    pub fn to(directory: &Path) -> Self {
        let target = directory.join(SOCKET);
        let directory = TempDir::new_in(environment::directory()).expect("a directory for the socket");
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket");
        let line = Arc::<Line>::default();
        let accepting = line.clone();
        thread::spawn(move || accepting.accept(&listener, &target));
        Self { directory, line }
    }

    /// The URL of a database through this line.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@/{database}?host={}", self.directory.path().display())
    }

    /// Ends every connection.
    pub fn cut(&self) {
        let mut streams = self.line.streams.lock().expect("no panic");
        streams.drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    /// Whether new connections are refused.
    pub fn refuse(&self, refuses: bool) {
        self.line.refuses.store(refuses, Relaxed);
    }

    /// Whether nothing gets through, while nobody is told: a partition.
    pub fn hold(&self, holds: bool) {
        self.line.holds.store(holds, Relaxed);
    }

    /// How long each piece of data is on its way.
    pub fn delay(&self, delay: Duration) {
        self.line.delay.store(u64::try_from(delay.as_millis()).expect("a short time"), Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.over.store(true, Relaxed);
        self.cut();
        // Wakes the thread that accepts.
        let _ = UnixStream::connect(self.directory.path().join(SOCKET));
    }
}

impl Line {
    fn accept(self: Arc<Self>, listener: &UnixListener, target: &PathBuf) {
        for client in listener.incoming().map_while(Result::ok) {
            if self.over.load(Relaxed) {
                return;
            }
            if self.refuses.load(Relaxed) {
                continue;
            }
            // Refused here if it is refused there.
            let Ok(server) = UnixStream::connect(target) else { continue };
            let ends = [(&client, &server), (&server, &client)];
            for (from, to) in ends {
                let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                let line = self.clone();
                thread::spawn(move || line.copy(from, to));
            }
            self.streams.lock().expect("no panic").extend([client, server]);
        }
    }

    fn copy(&self, mut from: UnixStream, mut to: UnixStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            thread::sleep(Duration::from_millis(self.delay.load(Relaxed)));
            while self.holds.load(Relaxed) && !self.over.load(Relaxed) {
                thread::sleep(Duration::from_millis(2));
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // The other direction ends, too; an end that is gone already needs no word.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
