//! [`Call`] and [`Reply`]: requests byte by byte, and what must be true of every answer.

use crate::metrics::value;
use crate::support::Server;
use crate::support::http::{Api, is_timestamp};
use crate::support::secrets;
use crate::support::words;
use keyward::base::error::Code;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest that an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The part of a body that a failure shows.
const SHOWN: usize = 300;

/// A request that no library corrects.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Call {
    /// A method and a target, as they go into the request's first line.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header, besides those of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Ok(text) = std::str::from_utf8(value.as_ref()) {
            secrets::register_header(name, text);
        }
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds several headers.
    pub fn headers(self, headers: &[(&'static str, String)]) -> Self {
        headers.iter().fold(self, |call, (name, value)| call.header(name, value))
    }

    /// A body of any type, or of none, with its length.
    pub fn body(self, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let call = self.header("Content-Length", body.len().to_string());
        let call = match content_type {
            Some(content_type) => call.header("Content-Type", content_type),
            None => call,
        };
        Self { body, ..call }
    }

    /// A body whose length is not told before.
    pub fn chunked(self, content_type: &str, body: &[u8]) -> Self {
        let mut chunks = Vec::new();
        for chunk in body.chunks(0x4000) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        let call = self.header("Transfer-Encoding", "chunked").header("Content-Type", content_type);
        Self { body: chunks, ..call }
    }

    /// Sends it on a connection of its own. `what` names it in failures.
    pub async fn send(self, server: &Api, what: impl Into<String>) -> Reply {
        let mut request = self.head();
        request.extend_from_slice(&self.body);
        let what = what.into();
        let answer = tokio::time::timeout(LIMIT, exchange(server, request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what}: no answer after {} s", LIMIT.as_secs()));
        Reply::read(what, &answer)
    }

    /// Sends headers and one byte of the body, and returns when the handler waits for the rest: by then its guard is
    /// made. The server needs a listener for metrics.
    pub async fn begin(self, server: &Server, what: impl Into<String>) -> Underway {
        let (what, mut head) = (what.into(), self.head());
        let (first, rest) = self.body.split_at(1);
        head.extend_from_slice(first);
        let before = bodies_awaited(server).await;
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        stream.write_all(&head).await.expect("the headers and a byte");
        let deadline = Instant::now() + LIMIT;
        while bodies_awaited(server).await <= before {
            assert!(Instant::now() < deadline, "{what}: no handler waits for its body");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Underway { what, stream, rest: rest.to_vec() }
    }

    fn head(&self) -> Vec<u8> {
        let mut request = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"Connection: close\r\n\r\n");
        request
    }
}

/// A request whose handler waits for the rest of its body.
pub struct Underway {
    what: String,
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Underway {
    /// Sends the rest.
    pub async fn finish(self) -> Reply {
        let Self { what, mut stream, rest } = self;
        // A server that has refused may stop reading; its answer counts, not our unsent rest.
        _ = stream.write_all(&rest).await;
        let mut answer = Vec::new();
        let reading = async { while !is_complete(&answer) && matches!(stream.read_buf(&mut answer).await, Ok(1..)) {} };
        let read = tokio::time::timeout(LIMIT, reading).await;
        read.unwrap_or_else(|_| panic!("{what}: no answer after {} s", LIMIT.as_secs()));
        Reply::read(what, &answer)
    }
}

async fn bodies_awaited(server: &Server) -> u64 {
    let address = server.metrics_address().expect("a listener for metrics");
    let mut stream = TcpStream::connect(address).await.expect("the metrics' listener");
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the metrics");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    value(&answer, "keyward_bodies_awaited")
}

/// Sends the bytes, and reads one answer. It does not wait for the end of the connection: a server that has refused a
/// request without reading all of it closes late, so that the client gets to read the answer.
async fn exchange(server: &Api, request: Vec<u8>) -> Vec<u8> {
    let stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let (mut reader, mut writer) = stream.into_split();
    // A server that has refused may stop reading; its answer counts, not our unsent rest.
    let sending = tokio::spawn(async move { writer.write_all(&request).await.map(|()| writer) });
    let mut answer = Vec::new();
    while !is_complete(&answer) && matches!(reader.read_buf(&mut answer).await, Ok(1..)) {}
    sending.abort();
    answer
}

fn is_complete(answer: &[u8]) -> bool {
    let expected = |headers: &HeaderMap| headers.get("content-length")?.to_str().ok()?.parse::<usize>().ok();
    parse(answer).is_some_and(|(status, headers, body)| status == 204 || expected(&headers) == Some(body.len()))
}

/// Status, headers and the body so far; nothing while the headers are incomplete.
fn parse(answer: &[u8]) -> Option<(u16, HeaderMap, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&answer[..end]).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((status, headers, answer[end + 4..].to_vec()))
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    what: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as JSON; null if it is none.
    pub body: Value,
    text: String,
}

impl Reply {
    fn read(what: String, answer: &[u8]) -> Self {
        let (status, headers, body) = parse(answer).unwrap_or_else(|| {
            panic!("{what}: not HTTP: {:?}", String::from_utf8_lossy(answer));
        });
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        secrets::register_fields(&body);
        Self { what, status, headers, body, text }
    }

    /// The error's code, if it has one.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// Says that something is wrong with this answer.
    pub fn fault(&self, wrong: &str) -> String {
        let text: String = self.text.chars().take(SHOWN).collect();
        format!("{}: {wrong}; it is {} {text}", self.what, self.status)
    }

    /// What is wrong with it, unless it has this status.
    pub fn unless(&self, status: u16) -> Option<String> {
        (self.status != status).then(|| self.fault(&format!("should be {status}")))
    }

    /// What is wrong with it, unless it is exactly this error, complete.
    pub fn unless_error(&self, status: u16, code: &str) -> Option<String> {
        if self.status != status || self.code() != code {
            return Some(self.fault(&format!("should be {status} {code}")));
        }
        self.unless_complete_error()
    }

    /// What is wrong with it, unless it is an error with one of these statuses, complete.
    pub fn unless_one_of(&self, statuses: &[u16]) -> Option<String> {
        if !statuses.contains(&self.status) {
            return Some(self.fault(&format!("should be one of {statuses:?}")));
        }
        self.unless_complete_error()
    }

    /// What an error of the default style lacks.
    pub fn unless_complete_error(&self) -> Option<String> {
        let error = &self.body["error"];
        let known = Code::ALL.iter().find(|code| code.as_str() == self.code());
        let id = self.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let wrong = if known.is_none_or(|code| code.status().as_u16() != self.status) {
            "its code should be one of its status"
        } else if error["message"].as_str().is_none_or(str::is_empty) {
            "it should have a message"
        } else if words::of_a_framework(&error.to_string()).is_some() {
            "its words should be plain, and not the framework's"
        } else if id.is_none_or(|id| !id.starts_with("req_")) || error["requestId"].as_str() != id {
            "it should name the request in body and header"
        } else if !error["timestamp"].as_str().is_some_and(is_timestamp) {
            "it should have a time in UTC with milliseconds"
        } else if self.headers.get("content-type").is_none_or(|value| value != "application/json") {
            "it should be JSON by its header"
        } else if self.status == 401 && !self.headers.contains_key("www-authenticate") {
            "a 401 should have WWW-Authenticate"
        } else if self.status == 405 && !self.headers.contains_key("allow") {
            "a 405 should have Allow"
        } else {
            return None;
        };
        Some(self.fault(wrong))
    }

    /// The body without what differs from request to request.
    pub fn lasting(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(error) = body["error"].as_object_mut() {
            error.remove("requestId");
            error.remove("timestamp");
        }
        body
    }
}
