//! [`Upstream`]: the API behind a gateway. It answers with the request it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The text `zipped`, compressed by gzip.
pub const ZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0xca, 0x2c, 0x28, 0x48, 0x4d, 0x01, 0x00, 0x57,
    0x68, 0xc2, 0xe2, 0x06, 0x00, 0x00, 0x00,
];

const TAG: &str = "ETag: \"v1\"\r\n";

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

/// The head, in lower case, and the body behind it. Some paths have an answer of their own.
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
    let mut stream = reader.into_inner();
    // A client that has gone away is none of the upstream's business.
    if head.contains("\r\nupgrade: websocket\r\n") {
        let _ =
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        let mut said = [0; 4];
        let _ = stream.read_exact(&mut said).and_then(|()| stream.write_all(&said));
        return;
    }
    let echo = format!("{head}{}", String::from_utf8_lossy(&body)).into_bytes();
    let (status, extra, content) = match head.split(' ').nth(1).unwrap_or_default() {
        "/refused" => ("401 Unauthorized", "", echo),
        "/zipped" => ("200 OK", "Content-Encoding: gzip\r\n", ZIPPED.to_vec()),
        "/tagged" if head.contains("\r\nif-none-match: \"v1\"\r\n") => ("304 Not Modified", TAG, Vec::new()),
        "/tagged" => ("200 OK", TAG, echo),
        _ => ("200 OK", "", echo),
    };
    let length = content.len();
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{extra}Connection: close\r\n\r\n");
    let content = if head.starts_with("head ") { Vec::new() } else { content };
    let _ = stream.write_all(response.as_bytes()).and_then(|()| stream.write_all(&content));
}
