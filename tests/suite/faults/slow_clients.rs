//! Clients that send a byte now and then, to keep connections busy for ever: "slow loris".

use super::figures::{Figures, milliseconds, spread};
use super::{LOG, WITHOUT_LIMITS};
use crate::support::database::TestDatabase;
use crate::support::process::Keyward;
use crate::support::{Backend, Tenant, tests_once};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

tests_once![slow_clients_are_cut_off_and_disturb_nobody];

const CONFIGURATION: &str = "
[server]
header_timeout = \"4s\"
keep_alive = \"500ms\"
request_timeout = \"2s\"
";
/// Between two bytes of each.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest that a connection may last, and what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headers,
    /// After a request that was good.
    LaterHeaders,
    Body,
    /// Asks for far more than the system's buffers hold, and reads nothing.
    Answers,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Headers, Self::LaterHeaders, Self::Body, Self::Answers];

    /// How many of them.
    fn count(self) -> usize {
        // Megabytes each.
        if self == Self::Answers { 8 } else { 60 }
    }
}

/// One slow client.
struct Slow {
    kind: Kind,
    stream: TcpStream,
    since: Instant,
    answer: Vec<u8>,
    lasted: Option<Duration>,
}

async fn slow_clients_are_cut_off_and_disturb_nobody() {
    let database = Arc::new(TestDatabase::create(Backend::Sqlite));
    let mut server = Keyward::serve_logging(database, &format!("{CONFIGURATION}{WITHOUT_LIMITS}"), LOG).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let body_head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{\"name\":\"",
        tenant.workspace_path("/api-keys"),
        tenant.owner.id_token,
    );
    let ask = async || {
        let sent = Instant::now();
        server.get("/v1/whoami").bearer(&key).try_send().await.expect("an answer").expect(200);
        sent.elapsed()
    };
    let mut before = Vec::new();
    for _ in 0..50 {
        before.push(ask().await);
    }
    let address = server.address();
    let attack = thread::spawn(move || attack(address, &body_head));
    let mut meanwhile = Vec::new();
    while !attack.is_finished() {
        meanwhile.push(ask().await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let clients = attack.join().expect("no panic");
    assert!(meanwhile.iter().all(|time| *time < Duration::from_secs(3)), "{}", spread(&mut meanwhile));
    let keys = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(1), "half a body made a key");
    drop(tenant);
    assert!(server.terminate().success());

    let mut figures = Figures::of("slow clients", Backend::Sqlite);
    let kinds = [
        (Kind::Headers, "408", "slow headers, cut off after; header_timeout is 4 s here"),
        (
            Kind::LaterHeaders,
            "",
            "slow headers of a second request, cut off after; keep_alive and the other two together are 6.5 s",
        ),
        (Kind::Body, "503", "slow bodies, cut off after; request_timeout is 2 s here"),
        (Kind::Answers, "", "answers that nobody reads, cut off after"),
    ];
    for (kind, status, name) in kinds {
        let of_kind: Vec<&Slow> = clients.iter().filter(|client| client.kind == kind).collect();
        let open = of_kind.iter().filter(|client| client.lasted.is_none()).count();
        assert_eq!(open, 0, "{name}: {open} of {} are still open after {LONGEST:?}", of_kind.len());
        for client in &of_kind {
            let answer = String::from_utf8_lossy(&client.answer);
            assert!(status.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {answer}");
        }
        figures.add(name, spread(&mut of_kind.iter().filter_map(|client| client.lasted).collect::<Vec<_>>()));
    }
    figures
        .add("slow clients", clients.len())
        .add("checks of a key before", spread(&mut before))
        .add("checks of a key meanwhile", spread(&mut meanwhile))
        .add("longest lasting slow client", {
            milliseconds(clients.iter().filter_map(|client| client.lasted).max().unwrap_or_default())
        });
    figures.publish();
}

/// Sends a byte on each connection now and then, until all are closed, or it has lasted long enough.
fn attack(address: SocketAddr, body_head: &str) -> Vec<Slow> {
    let mut clients: Vec<Slow> = Vec::new();
    for kind in Kind::ALL {
        clients.extend((0..kind.count()).map(|_| Slow::connect(kind, address, body_head).expect("a connection")));
    }
    let start = Instant::now();
    while start.elapsed() < LONGEST && clients.iter().any(|client| client.lasted.is_none()) {
        clients.iter_mut().for_each(Slow::go_on);
        thread::sleep(PAUSE);
    }
    clients
}

impl Slow {
    fn connect(kind: Kind, address: SocketAddr, body_head: &str) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let since = Instant::now();
        if kind == Kind::LaterHeaders {
            stream.set_read_timeout(Some(LONGEST))?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?;
            assert!(stream.read(&mut [0; 4096])? > 0, "no answer to a good request");
        }
        let asked = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(16);
        let start = match kind {
            Kind::Body => body_head,
            Kind::Answers => &asked,
            Kind::Headers | Kind::LaterHeaders => "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        };
        stream.write_all(start.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(Self { kind, stream, since, answer: Vec::new(), lasted: None })
    }

    fn go_on(&mut self) {
        if self.lasted.is_some() {
            return;
        }
        let is_cut = |error: &std::io::Error| error.kind() != ErrorKind::WouldBlock;
        let mut piece = [0; 4096];
        while self.kind != Kind::Answers {
            match self.stream.read(&mut piece) {
                Ok(0) => return self.end(),
                Ok(length) => self.answer.extend_from_slice(&piece[..length]),
                Err(error) if is_cut(&error) => return self.end(),
                Err(_) => break,
            }
        }
        if self.stream.write_all(b"a").is_err_and(|error| is_cut(&error)) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.lasted = Some(self.since.elapsed());
    }
}
