//! [`Upstream`]: the API behind a gateway. It answers with the request it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub struct Upstream {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let shared = Arc::downgrade(&requests);
        // Ends with the connection that `drop` makes.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Some(requests), Ok(stream)) = (shared.upgrade(), stream) else { break };
                thread::spawn(move || answer(stream, &requests));
            }
        });
        Self { address, requests }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests came through.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.requests = Arc::default();
        // Only to wake the listener, which then sees that nobody is left.
        let _ = TcpStream::connect(self.address);
    }
}

/// The head, in lower case, and the body behind it. A path that asks for a status gets it.
fn answer(stream: TcpStream, requests: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(reader.read_line(&mut head), Ok(1..)) {
            return;
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let status = if head.starts_with("get /refused ") { "401 Unauthorized" } else { "200 OK" };
    let echo = format!("{head}{}", String::from_utf8_lossy(&body));
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{echo}", echo.len());
    // A client that has gone away is none of the upstream's business.
    let _ = reader.into_inner().write_all(response.as_bytes());
}
