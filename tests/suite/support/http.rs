//! [`Api`]: requests to a running server, and what is true of every answer.

use super::database::TestDatabase;
use super::secrets;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::Index;
use std::sync::Arc;
use std::time::Duration;

/// A server's address, a client for it, and the database under it.
pub struct Api {
    address: SocketAddr,
    client: reqwest::Client,
    /// What the API's paths start with.
    pub base_path: String,
    /// Under the server; shared by all nodes on it.
    pub database: Arc<TestDatabase>,
}

impl Api {
    pub fn new(address: SocketAddr, database: Arc<TestDatabase>) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            // An idle connection would make the server's stop wait for it.
            .pool_max_idle_per_host(0)
            // Plain HTTP needs none, and building a client fails on a machine without any.
            .tls_certs_only([])
            .build()
            .expect("an HTTP client");
        Self { address, client, base_path: "/v1".to_owned(), database }
    }

    /// The same, of a server whose API's paths start otherwise.
    pub fn at(self, base_path: &str) -> Self {
        Self { base_path: base_path.to_owned(), ..self }
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    pub fn request(&self, method: Method, path: &str) -> Request {
        let what = format!("{method} {path}");
        let builder = self.client.request(method, self.url(path)).header("connection", "close");
        Request { what, builder }
    }
}

/// A request that is not sent yet.
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    what: String,
    builder: reqwest::RequestBuilder,
}

impl Request {
    /// `Authorization: Bearer …`, for an ID token, an API key or a service token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a header; a second one of the same name is sent besides, not instead.
    pub fn header(self, name: &str, value: &str) -> Self {
        secrets::register_header(name, value);
        self.map(|builder| builder.header(name, value))
    }

    pub fn json(self, body: Value) -> Self {
        secrets::register_fields(&body);
        self.map(|builder| builder.json(&body))
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        fields.iter().for_each(|(name, value)| secrets::register_field(name, value));
        self.map(|builder| builder.form(fields))
    }

    /// A body as it is; the caller sets its content type.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        self.map(|builder| builder.body(body))
    }

    fn map(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self { what: self.what, builder: change(self.builder) }
    }

    /// Sends it, and checks what holds for every answer of the application.
    pub async fn send(self) -> Answer {
        let answer = self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error}"));
        answer.check_headers();
        answer
    }

    /// Sends it to a server that may be gone; checks nothing.
    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.builder.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        secrets::register_fields(&body);
        Ok(Answer { what: self.what, status, headers, body, text })
    }
}

/// What came back. `answer["data"][0]` indexes its JSON.
#[derive(Debug)]
pub struct Answer {
    what: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as JSON; null if it is none.
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// A header's value, if there is exactly one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_none() { Some(value) } else { None }
    }

    /// The text at a JSON pointer, such as `/data/0/id`.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{}: no text at {pointer} in {}", self.what, self.text)).to_owned()
    }

    /// Fails with the whole answer unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} answered {} {}", self.what, self.status, self.text);
        self
    }

    /// Fails unless it is this error, in the default style, complete.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        let (what, text) = (&answer.what, &answer.text);
        let error = &answer.body["error"];
        assert_eq!(error["code"], code, "{what} answered {status} {text}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: no message in {text}");
        assert_eq!(
            error["requestId"].as_str(),
            answer.header("x-request-id"),
            "{what}: another request's id in {text}"
        );
        let timestamp = error["timestamp"].as_str().unwrap_or_default();
        assert!(is_timestamp(timestamp), "{what}: {timestamp:?} is not a time in UTC with milliseconds");
        answer
    }

    #[track_caller]
    fn check_headers(&self) {
        let Self { what, status, .. } = self;
        let id = self.header("x-request-id");
        assert!(id.is_some_and(|id| id.starts_with("req_")), "{what}: X-Request-ID is {id:?}");
        self.check_security_headers();
        let needed = match status {
            401 => "www-authenticate",
            429 | 503 => "retry-after",
            _ => return,
        };
        assert!(self.headers.contains_key(needed), "{what} answered {status} without {needed}: {}", self.text);
    }
}

impl Answer {
    /// No browser or proxy keeps an answer that may be someone's, guesses its type or frames it.
    #[track_caller]
    fn check_security_headers(&self) {
        let Self { what, status, .. } = self;
        let header =
            |name: &str| self.header(name).unwrap_or_else(|| panic!("{what} answered {status} without {name}"));
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        // Public keys may be cached; the Swagger UI and its document are the same for all.
        let read = what.strip_prefix("GET ").or(what.strip_prefix("HEAD ")).unwrap_or_default();
        let is_public = ["/.well-known/", "/robot/", "/docs/", "/openapi"].iter().any(|start| read.starts_with(start));
        assert!(header("cache-control") == "no-store" || *status == 200 && is_public, "{what} may be cached");
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
        }
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}

/// Whether it is a time as the API writes it: RFC 3339, UTC, milliseconds, `Z`.
pub fn is_timestamp(text: &str) -> bool {
    text.len() == "2026-01-01T00:00:00.000Z".len()
        && text.ends_with('Z')
        && text.as_bytes()[19] == b'.'
        && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}
