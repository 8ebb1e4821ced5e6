//! A refusal of a request whose body is not read reaches an ordinary client, which sends all of it first. The server
//! reads on only within bounds of bytes and time.

use crate::support::process::{self, Keyward};
use crate::support::tls_files::{Files, issue};
use crate::support::{Backend, Server, Tenant, environment, tests, tests_once};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests![a_refusal_reaches_a_client_that_sends_all_first, a_client_that_asks_first_gets_the_refusal_itself];
tests_once![a_refusal_over_tls_reaches_its_client, what_follows_a_refusal_is_read_within_bounds];

const TRIES: usize = 40;
const MEBIBYTE: usize = 1 << 20;

/// The head of a request with a body of this length; `None`: in chunks.
fn head(path: &str, token: &str, length: Option<usize>, more: &str) -> String {
    let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let framing = match length {
        Some(length) => format!("Content-Length: {length}\r\n"),
        None => "Transfer-Encoding: chunked\r\n".to_owned(),
    };
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{authorization}{framing}{more}\r\n"
    )
}

fn chunk(size: usize) -> Vec<u8> {
    [format!("{size:x}\r\n").as_bytes(), &vec![b'a'; size], b"\r\n"].concat()
}

/// Sends everything, and then reads everything. Returns the status and the code.
fn send_all(mut stream: impl Read + Write, pieces: &[&[u8]]) -> Result<(u16, String), String> {
    for piece in pieces {
        stream.write_all(piece).map_err(|error| format!("can't send: {error}"))?;
    }
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    // As any client does, it reads as far as the answer's length, and does not wait for the end of the connection.
    while !is_complete(&answer) {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => answer.extend_from_slice(&piece[..length]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let status =
        text.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no answer: {text:?}"))?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(body).map_err(|error| format!("{error}: {text}"))?;
    Ok((status, body["error"]["code"].as_str().unwrap_or_default().to_owned()))
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    stream
}

async fn a_refusal_reaches_a_client_that_sends_all_first(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let path = tenant.workspace_path("/api-keys");
    let (address, token) = (server.address(), tenant.owner.id_token.clone());
    let failures = tokio::task::spawn_blocking(move || {
        let body = vec![b' '; 20 * MEBIBYTE];
        let in_chunks = [chunk(MEBIBYTE).repeat(3), b"0\r\n\r\n".to_vec()].concat();
        let large = head(&path, &token, Some(body.len()), "");
        let unknown = head(&path, "", Some(3 * MEBIBYTE), "");
        let chunked = head(&path, "", None, "");
        let cases: [(&str, &[u8], (u16, &str)); 3] = [
            (&large, &body, (413, "body_too_large")),
            (&unknown, &body[..3 * MEBIBYTE], (401, "missing_credentials")),
            (&chunked, &in_chunks, (401, "missing_credentials")),
        ];
        let mut failures = Vec::new();
        for (head, body, (status, code)) in cases {
            for attempt in 0..TRIES {
                let outcome = send_all(connect(address), &[head.as_bytes(), body]);
                if outcome != Ok((status, code.to_owned())) {
                    failures.push(format!("{status}, attempt {attempt}: {outcome:?}"));
                }
            }
        }
        failures
    });
    let failures = failures.await.expect("no panic");
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
    let keys = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(keys["data"], json!([]), "nothing was made");
}

async fn a_client_that_asks_first_gets_the_refusal_itself(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let path = tenant.workspace_path("/api-keys");
    let (address, token) = (server.address(), tenant.owner.id_token.clone());
    let body = json!({ "name": "asked" }).to_string();
    let ask = "Expect: 100-continue\r\nConnection: close\r\n";
    let rows = [
        (head(&path, "", Some(body.len()), ask), "HTTP/1.1 401 "),
        (head(&path, &token, Some(20 * MEBIBYTE), ask), "HTTP/1.1 413 "),
        (head("/v1/nothing", &token, Some(body.len()), ask), "HTTP/1.1 404 "),
        (head(&path, &token, Some(body.len()), ask), "HTTP/1.1 100 "),
    ];
    let good = tokio::task::spawn_blocking(move || {
        let mut last = String::new();
        for (head, expected) in rows {
            let mut stream = connect(address);
            stream.write_all(head.as_bytes()).expect("sent");
            let mut first = vec![0; expected.len()];
            stream.read_exact(&mut first).expect("an answer");
            assert_eq!(String::from_utf8_lossy(&first), expected);
            if expected.contains(" 100 ") {
                stream.write_all(body.as_bytes()).expect("sent");
            }
            last.clear();
            stream.read_to_string(&mut last).expect("the rest");
        }
        last
    });
    let good = good.await.expect("no panic");
    assert!(good.contains("HTTP/1.1 201 ") && good.contains("\"asked\""), "{good}");

    // curl asks first for a body this large, and doesn't with the second way.
    let file = environment::directory().join(format!("large-{}.json", tenant.workspace_id));
    std::fs::write(&file, vec![b' '; 20 * MEBIBYTE]).expect("written");
    for ask in ["Expect: 100-continue", "Expect:"] {
        for attempt in 0..TRIES {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "--noproxy", "*", "-o", "-", "-w", " %{http_code}", "-H", ask]);
            curl.args(["-H", &format!("Authorization: Bearer {}", tenant.owner.id_token)]);
            curl.args(["-H", "Content-Type: application/json", "--data-binary", &format!("@{}", file.display())]);
            curl.arg(server.url(&tenant.workspace_path("/api-keys")));
            let output = process::output(curl).await;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && text.ends_with(" 413"), "{ask}, attempt {attempt}: {output:?}");
            assert!(text.contains("body_too_large"), "{text}");
        }
    }
    std::fs::remove_file(&file).expect("removed");
}

async fn a_refusal_over_tls_reaches_its_client() {
    let server = Server::start(Backend::Sqlite).await;
    let pair = issue();
    let files = Files::new(&pair);
    let node = Keyward::serve(server.database.clone(), &files.configuration()).await;
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = Arc::new(config.expect("versions").with_root_certificates(roots).with_no_client_auth());
    let address = node.address();
    let failures = tokio::task::spawn_blocking(move || {
        let body = vec![b' '; 3 * MEBIBYTE];
        let head = head("/v1/organizations", "", Some(body.len()), "");
        let attempt = || {
            let name = "localhost".try_into().expect("a name");
            let client = ClientConnection::new(config.clone(), name).expect("a client");
            send_all(StreamOwned::new(client, connect(address)), &[head.as_bytes(), &body])
        };
        let expected = Ok((401, "missing_credentials".to_owned()));
        (0..TRIES).map(|_| attempt()).filter(|outcome| *outcome != expected).collect::<Vec<_>>()
    });
    let failures = failures.await.expect("no panic");
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
}

/// How much a client could send, and for how long, until the server closed the connection.
fn send_on(address: SocketAddr, head: &str, piece: &[u8], pause: Duration) -> (usize, Duration) {
    let mut stream = connect(address);
    stream.write_all(head.as_bytes()).expect("sent");
    let since = Instant::now();
    let mut sent = 0;
    stream.set_nonblocking(true).expect("set");
    let (mut answer, mut rest) = ([0; 4096], piece);
    while since.elapsed() < Duration::from_secs(30) && sent < 512 * MEBIBYTE {
        match stream.read(&mut answer) {
            Ok(0) => return (sent, since.elapsed()),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return (sent, since.elapsed()),
            _ => {}
        }
        match stream.write(rest) {
            Ok(length) => {
                sent += length;
                rest = if length == rest.len() { piece } else { &rest[length..] };
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return (sent, since.elapsed()),
        }
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    panic!("after {sent} bytes and {:?} the connection is still open", since.elapsed());
}

async fn what_follows_a_refusal_is_read_within_bounds() {
    let server = Server::start(Backend::Sqlite).await;
    let address = server.address();
    let outcomes = tokio::task::spawn_blocking(move || {
        let path = "/v1/organizations";
        let endless = head(path, "", Some(1 << 40), "");
        let chunked = head(path, "", None, "");
        let large = chunk(64 * 1024);
        let pause = Duration::from_millis(50);
        [
            ("flood", send_on(address, &endless, &[b' '; 65_536], Duration::ZERO)),
            ("flood of chunks", send_on(address, &chunked, &large, Duration::ZERO)),
            ("trickle", send_on(address, &endless, b" ", pause)),
            ("trickle of chunks", send_on(address, &chunked, b"1\r\na\r\n", pause)),
        ]
    });
    for (what, (bytes, time)) in outcomes.await.expect("no panic") {
        // The system's buffers hold some more.
        assert!(bytes <= 48 * MEBIBYTE, "{what}: {bytes} bytes");
        assert!(time < Duration::from_secs(12), "{what}: {time:?}");
    }
}
