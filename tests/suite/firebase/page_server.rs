//! Serves the test's page and Firebase's bundles from an origin of its own, and takes the page's report.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Its thread ends with the process.
pub struct PageServer {
    address: SocketAddr,
    reports: mpsc::Receiver<Value>,
}

impl PageServer {
    /// Of the directory where the packages are installed.
    pub fn start(packages: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, reports) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (packages, sender) = (packages.clone(), sender.clone());
                thread::spawn(move || _ = serve(stream, &packages, &sender));
            }
        });
        Self { address, reports }
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the page reports, within a time.
    pub async fn result(self, limit: Duration) -> Option<Value> {
        let wait = move || self.reports.recv_timeout(limit).ok();
        tokio::task::spawn_blocking(wait).await.expect("no panic")
    }
}

fn serve(stream: TcpStream, packages: &Path, reports: &mpsc::Sender<Value>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim().to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or_default(),
            Some(_) => {}
            None => break,
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (kind, body) = match path {
        "/page.html" => ("text/html", std::fs::read_to_string(packages.join("page.html"))?),
        "/firebase-app.js" | "/firebase-auth.js" => {
            let bundle = std::fs::read_to_string(packages.join("node_modules/firebase").join(&path[1..]))?;
            // The bundles import each other from Google's servers.
            let (start, end) = ("https://www.gstatic.com/firebasejs/", "/firebase-app.js");
            let local = bundle.split(start).map(|part| part.split_once(end).filter(|(version, _)| version.len() < 12));
            let local: String = local
                .zip(bundle.split(start))
                .map(|(import, part)| {
                    import.map_or_else(|| part.to_owned(), |(_, rest)| format!("./firebase-app.js{rest}"))
                })
                .collect();
            ("text/javascript", local)
        }
        "/result" => {
            let mut report = vec![0; length];
            reader.read_exact(&mut report)?;
            // Nobody waits for a second one.
            let _ = reports.send(serde_json::from_slice(&report).unwrap_or_default());
            ("text/plain", String::new())
        }
        _ => ("text/plain", String::new()),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    writer.write_all(head.as_bytes())?;
    writer.write_all(body.as_bytes())
}
