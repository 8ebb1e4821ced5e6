//! A client that sends an exact number of requests, which wrk can't: for cold caches, for callgrind, and for setting up.

use crate::measure::Latencies;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// `Authorization: Bearer …`
pub fn bearer(token: &str) -> Vec<(String, String)> {
    vec![("Authorization".to_owned(), format!("Bearer {token}"))]
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One connection, kept alive.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_nodelay(true).expect("a socket's option");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket's option");
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads the whole answer.
    pub fn send(&mut self, request: &[u8]) -> Answer {
        self.0.get_mut().write_all(request).expect("the request can be sent");
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer to {}", String::from_utf8_lossy(request)));
        let mut headers = Vec::new();
        let mut length = 0;
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "an answer of unknown length");
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().expect("a length");
            }
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole body");
        Answer { status, headers, body }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the answer can be read");
        line.trim_end().to_owned()
    }
}

/// What a number of requests took.
pub struct Run {
    pub latencies: Latencies,
    pub elapsed: Duration,
    /// Answers that were no success.
    pub refused: usize,
}

/// Sends request 0 to `count - 1`, each once, over that many connections at a time.
pub fn each_once(
    address: SocketAddr,
    connections: usize,
    count: usize,
    request: impl Fn(usize) -> Vec<u8> + Sync,
) -> Run {
    let next = AtomicUsize::new(0);
    run(address, connections, || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < count), request)
}

/// Sends requests 0, 1, … until the time is over, over that many connections at a time.
pub fn during(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    request: impl Fn(usize) -> Vec<u8> + Sync,
) -> Run {
    let next = AtomicUsize::new(0);
    let end = Instant::now() + time;
    let more = || (Instant::now() < end).then(|| next.fetch_add(1, Ordering::Relaxed));
    run(address, connections, more, request)
}

fn run(
    address: SocketAddr,
    connections: usize,
    next: impl Fn() -> Option<usize> + Sync,
    request: impl Fn(usize) -> Vec<u8> + Sync,
) -> Run {
    let started = Instant::now();
    let work = || {
        let mut connection = Connection::open(address);
        let (mut times, mut refused) = (Vec::new(), 0);
        while let Some(number) = next() {
            let request = request(number);
            let sent = Instant::now();
            let answer = connection.send(&request);
            times.push(sent.elapsed());
            refused += usize::from(answer.status >= 400);
        }
        (times, refused)
    };
    let parts: Vec<(Vec<Duration>, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client's thread")).collect()
    });
    let elapsed = started.elapsed();
    let refused = parts.iter().map(|(_, refused)| refused).sum();
    let times = parts.into_iter().flat_map(|(times, _)| times).collect();
    Run { latencies: Latencies::new(times), elapsed, refused }
}
