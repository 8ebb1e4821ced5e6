//! [`Answers`]: a server that gives what a test has written down.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Its thread ends with the process.
pub struct Answers {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Answers {
    /// Gives these in their order, and then the last one again and again: status, a header or none, body.
    pub fn start(answers: &[(&str, &str, &str)]) -> Self {
        let texts: Vec<String> = answers
            .iter()
            .map(|(status, header, body)| {
                let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
                let length = body.len();
                format!("HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let place = count.fetch_add(1, Ordering::SeqCst).min(texts.len() - 1);
                // A client that has gone away asked all the same.
                let _ = answer(stream, &texts[place]);
            }
        });
        Self { address, requests }
    }

    /// As a client is configured.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    stream.write_all(text.as_bytes())
}
