//! [`KeyServer`]: an issuer's JWK set over HTTP, which counts who asks, and breaks on demand. [`Project`]: a Firebase
//! project whose keys are there, and a server that accepts its tokens.

use super::forge::{FIRST, Key};
use crate::support::{Backend, Server};
use keyward::config::IssuerSettings;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What the next request gets.
pub struct Behaviour {
    pub status: &'static str,
    pub headers: String,
    pub body: String,
    pub delay: Duration,
    /// How many requests there were.
    pub fetches: usize,
}

pub struct KeyServer {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl KeyServer {
    /// Publishes these keys for an hour.
    pub fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let behaviour = Arc::new(Mutex::new(Behaviour {
            status: "200 OK",
            headers: "Cache-Control: public, max-age=3600, must-revalidate\r\n".to_owned(),
            body: set_of(keys),
            delay: Duration::ZERO,
            fetches: 0,
        }));
        let shared = Arc::downgrade(&behaviour);
        // Ends with the connection that `drop` makes.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(behaviour) = shared.upgrade() else { break };
                thread::spawn(move || answer(stream, &behaviour));
            }
        });
        Self { address, behaviour }
    }

    pub fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// What the next request gets, to look at and to change.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn fetches(&self) -> usize {
        self.behaviour().fetches
    }

    /// Publishes other keys from now on.
    pub fn publish(&self, keys: &[&Key]) {
        self.behaviour().body = set_of(keys);
    }

    pub fn max_age(&self, seconds: u32) {
        self.behaviour().headers = format!("Cache-Control: public, max-age={seconds}\r\n");
    }

    pub fn go_down(&self) {
        self.behaviour().status = "500 Internal Server Error";
    }

    pub fn come_back(&self) {
        self.behaviour().status = "200 OK";
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.behaviour = Arc::new(Mutex::new(Behaviour {
            status: "",
            headers: String::new(),
            body: String::new(),
            delay: Duration::ZERO,
            fetches: 0,
        }));
        // Only to wake the listener, which then sees that nobody is left.
        let _ = TcpStream::connect(self.address);
    }
}

fn set_of(keys: &[&Key]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

fn answer(stream: std::io::Result<TcpStream>, behaviour: &Mutex<Behaviour>) {
    let Ok(mut stream) = stream else { return };
    let mut request = [0; 4096];
    let mut length = 0;
    while !request[..length].windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut request[length..]) {
            Ok(0) | Err(_) => return,
            Ok(more) => length += more,
        }
    }
    let (response, delay) = {
        let mut behaviour = behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        behaviour.fetches += 1;
        let Behaviour { status, headers, body, delay, .. } = &*behaviour;
        let length = body.len();
        (format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"), *delay)
    };
    thread::sleep(delay);
    // A client that has gone away is one of the things that tests do.
    let _ = stream.write_all(response.as_bytes());
}

/// A server that accepts the tokens of the Firebase project `app`, and the project's keys.
pub struct Project {
    pub server: Server,
    pub keys: KeyServer,
}

impl Project {
    /// With the first key published.
    pub async fn start(db: Backend) -> Self {
        Self::with(db, |_| {}).await
    }

    pub async fn with(db: Backend, change: impl FnOnce(&mut keyward::config::Config)) -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let issuer = IssuerSettings { firebase_project: "app".to_owned(), jwks_url: Some(keys.url()) };
        let server = Server::with(db, |config| {
            config.identity.issuers = vec![issuer];
            change(config);
        });
        Self { server: server.await, keys }
    }

    /// The claims of a good token, by the server's clock.
    pub fn claims(&self, subject: &str) -> Value {
        let now = self.now();
        json!({
            "iss": "https://securetoken.google.com/app", "aud": "app", "auth_time": now, "user_id": subject,
            "sub": subject, "iat": now, "exp": now + 3600, "email": format!("{subject}@Example.com"),
            "email_verified": true, "name": "Ada Lovelace",
            "firebase": { "identities": { "email": [] }, "sign_in_provider": "password" },
        })
    }

    /// A good token of this key.
    pub fn token(&self, key: &Key) -> String {
        key.sign(&self.claims("ada"))
    }

    /// The server's time, in seconds.
    pub fn now(&self) -> i64 {
        self.server.clock.now().seconds()
    }

    /// What `GET /v1/me` answers to the token.
    pub async fn me(&self, token: &str) -> crate::support::http::Answer {
        self.server.get("/v1/me").bearer(token).send().await
    }

    pub fn advance(&self, seconds: u64) {
        self.server.clock.advance(Duration::from_secs(seconds));
    }
}
