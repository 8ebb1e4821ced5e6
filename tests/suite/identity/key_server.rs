//! [`KeyServer`]: an issuer's JWK set over HTTP, which counts who asks, and breaks on demand. [`Project`]: a Firebase
//! project whose keys are there, and a server that accepts its tokens.

use super::forge::{FIRST, Key};
use crate::support::{Backend, Server};
use jsonwebtoken::Algorithm;
use keyward::base::config::{AdmissionSettings, IssuerSettings, OidcSettings, TrustEmail};
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
    /// What `/.well-known/openid-configuration` has instead.
    pub configuration: String,
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
            configuration: json!({ "issuer": issuer_at(address), "jwks_uri": format!("http://{address}/keys") })
                .to_string(),
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

    /// Publishes whatever it is.
    pub fn publish_jwks(&self, keys: &[Value]) {
        self.behaviour().body = json!({ "keys": keys }).to_string();
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
            configuration: String::new(),
            delay: Duration::ZERO,
            fetches: 0,
        }));
        // Only to wake the listener, which then sees that nobody is left.
        let _ = TcpStream::connect(self.address);
    }
}

/// A name with a path, as Keycloak's and Auth0's have one.
fn issuer_at(address: SocketAddr) -> String {
    format!("http://{address}/tenant")
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
        let Behaviour { status, headers, body, configuration, delay, .. } = &*behaviour;
        let discovers = request.starts_with(b"GET /tenant/.well-known/openid-configuration ");
        let body = if discovers { configuration } else { body };
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

    pub async fn with(db: Backend, change: impl FnOnce(&mut keyward::base::config::Config)) -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let issuer = IssuerSettings::FirebaseProject {
            project: "app".to_owned(),
            jwks_url: Some(keys.url()),
            admission: AdmissionSettings::default(),
        };
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

/// An issuer of OpenID Connect, found by discovery, and a server that accepts its tokens for the audience `app`.
pub struct Issuer {
    pub server: Server,
    pub keys: KeyServer,
    pub name: String,
    pub settings: OidcSettings,
}

impl Issuer {
    /// With the first key published, and the defaults of configuration.
    pub async fn start(db: Backend) -> Self {
        Self::with(db, |_| {}).await
    }

    pub async fn with(db: Backend, change: impl FnOnce(&mut OidcSettings)) -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let mut settings = settings_of(&keys);
        change(&mut settings);
        let issuers = vec![IssuerSettings::Oidc(settings.clone())];
        let server = Server::with(db, |config| {
            config.identity.issuers = issuers;
            config.identity.fetch_timeout = Duration::from_secs(1);
        });
        Self { server: server.await, keys, name: settings.issuer.clone(), settings }
    }

    /// Another issuer, and a node on the same database that accepts both.
    pub async fn beside(&self) -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let settings = settings_of(&keys);
        let issuers = [&self.settings, &settings].map(|settings| IssuerSettings::Oidc(settings.clone()));
        let server = self.server.another(|config| config.identity.issuers = issuers.into()).await;
        Self { server, keys, name: settings.issuer.clone(), settings }
    }

    /// The claims of a good token, by the server's clock.
    pub fn claims(&self, subject: &str) -> Value {
        let now = self.now();
        json!({
            "iss": self.name, "aud": "app", "sub": subject, "iat": now, "exp": now + 3600, "auth_time": now,
            "email": "Ada@Example.com", "email_verified": true, "name": "Ada Lovelace",
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
}

pub(super) fn settings_of(keys: &KeyServer) -> OidcSettings {
    OidcSettings {
        issuer: issuer_at(keys.address),
        audience: Some("app".to_owned()),
        authorized_parties: Vec::new(),
        jwks_url: None,
        algorithms: vec![Algorithm::RS256],
        email_claim: "email".to_owned(),
        email_verified_claim: "email_verified".to_owned(),
        name_claim: "name".to_owned(),
        trust_email: TrustEmail::Verified,
        admission: AdmissionSettings::default(),
    }
}
