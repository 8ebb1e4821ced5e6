//! The recipes of `docs/guides/gateways.md` and `deploy/nginx.conf`, in the real proxies: what passes, and what does not.

use super::rules;
use super::upstream::{Upstream, ZIPPED};
use crate::support::http::{Answer, Api, Request};
use crate::support::nginx::Nginx;
use crate::support::proxies::{Kind, Proxy};
use crate::support::{Backend, Server, Tenant, tests};
use reqwest::Method;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

tests![
    caddy_passes_on_what_a_good_key_may_do,
    caddy_refuses_everything_else,
    traefik_passes_on_what_a_good_key_may_do,
    traefik_refuses_everything_else,
    nginx_passes_on_what_a_good_key_may_do,
    nginx_refuses_everything_else,
    another_header_with_keys_stays_behind,
];

#[derive(Clone, Copy)]
enum Recipe {
    Nginx,
    Of(Kind),
}

/// The proxy that runs; dropping it ends it.
enum Running {
    Nginx(Nginx),
    Proxy(Proxy),
}

struct World {
    server: Server,
    upstream: Upstream,
    _running: Running,
    /// To the proxy.
    api: Api,
}

/// The header that carries keys in [`another_header_with_keys_stays_behind`].
const OTHER_HEADER: &str = "Soku-API-Key";

impl World {
    async fn start(db: Backend, recipe: Recipe, other_header: bool) -> Self {
        let server = Server::with(db, |config| {
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a block")];
            rules::configure(config);
            if other_header {
                config.keys.headers = vec![OTHER_HEADER.to_owned()];
            }
        })
        .await;
        let upstream = Upstream::start();
        let (keyward, api) = (server.address(), upstream.address());
        let change: fn(String) -> String =
            if other_header { |text| text.replace("X-API-Key", OTHER_HEADER) } else { |text| text };
        let running = match recipe {
            Recipe::Nginx => Running::Nginx(Nginx::start(keyward, api).await),
            Recipe::Of(kind) => Running::Proxy(Proxy::start(kind, keyward, api, change).await),
        };
        let address = match &running {
            Running::Nginx(nginx) => nginx.address(),
            Running::Proxy(proxy) => proxy.address(),
        };
        let api = Api::new(address, server.database.clone());
        Self { server, upstream, _running: running, api }
    }
}

async fn sent(request: Request) -> Answer {
    request.try_send().await.expect("an answer")
}

/// The values of a header that the upstream got.
fn got<'a>(echo: &'a Answer, name: &str) -> Vec<&'a str> {
    echo.text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

const FACTS: [&str; 6] = ["key-id", "workspace-id", "organization-id", "role", "scope", "permissions"];

/// Claims what only the gateway may say.
fn forge(mut request: Request) -> Request {
    for name in FACTS {
        request = request.header(&format!("X-Keyward-{name}"), "forged");
    }
    for (name, value) in [
        ("Forwarded", "for=10.0.0.1"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Uri", "/forged"),
        ("X-Forwarded-For", "10.0.0.1"),
    ] {
        request = request.header(name, value);
    }
    request
}

fn assert_nothing_is_forged(echo: &Answer) {
    assert!(!echo.text.contains("forged") && !echo.text.contains("10.0.0.1"), "{}", echo.text);
    for name in ["x-forwarded-method", "x-forwarded-uri", "forwarded", "authorization", "x-api-key"] {
        assert!(got(echo, name).is_empty(), "{name} in {}", echo.text);
    }
}

async fn passes(db: Backend, recipe: Recipe) {
    let world = World::start(db, recipe, false).await;
    let api = &world.api;
    let tenant = Tenant::new(&world.server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["127.0.0.1"] })).await;
    let secret = &key.plaintext;
    let before = world.upstream.requests();

    // Query, body, whose key it is, and no key.
    let post = || forge(api.post("/things?page=2&permission=none&x=%C3%A4")).json(json!({ "name": "Thing" }));
    for request in [post().bearer(secret), post().header("X-API-Key", secret)] {
        let echo = sent(request).await.expect(200);
        let is_whole = echo.text.starts_with("post /things?page=2&permission=none&x=%c3%a4 http/1.1\r\n")
            && echo.text.ends_with("\r\n\r\n{\"name\":\"Thing\"}");
        assert!(is_whole, "{}", echo.text);
        let facts: [Vec<&str>; 6] = FACTS.map(|name| got(&echo, &format!("x-keyward-{name}")));
        let permissions = "workspace:read,members:read,content:read,content:write,keys:own,keys:manage,workspace:manage,members:manage";
        let expected = [&*key.id, &*tenant.workspace_id, &*tenant.organization_id, "admin", "full", permissions];
        assert_eq!(facts, expected.map(|fact| vec![fact]));
        assert_nothing_is_forged(&echo);
        assert!(!echo.text.contains(&secret.to_lowercase()), "{}", echo.text);
    }
    // The workspace is the checked one, or none.
    let named = api.get("/things").bearer(secret).header("X-Workspace-Id", &tenant.workspace_id);
    let echo = sent(named).await.expect(200);
    assert!(got(&echo, "x-workspace-id").iter().all(|id| *id == tenant.workspace_id), "{}", echo.text);
    // HEAD, gzip, ETag and the API's own refusals pass unchanged.
    let head = sent(api.request(Method::HEAD, "/things").bearer(secret)).await.expect(200);
    assert!(head.header("content-length").is_some() && head.text.is_empty());
    let zipped = sent(api.get("/zipped").bearer(secret).header("Accept-Encoding", "gzip")).await.expect(200);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.text, String::from_utf8_lossy(ZIPPED));
    let tagged = sent(api.get("/tagged").bearer(secret)).await.expect(200);
    assert_eq!(tagged.header("etag"), Some("\"v1\""));
    let unchanged = sent(api.get("/tagged").bearer(secret).header("If-None-Match", "\"v1\"")).await.expect(304);
    assert_eq!(unchanged.header("etag"), Some("\"v1\""));
    let refused = sent(api.get("/refused").bearer(secret)).await.expect(401);
    assert!(refused.text.starts_with("get /refused"), "{}", refused.text);
    assert_eq!(world.upstream.requests(), before + 8);
    websocket(api.address(), secret).expect("an echo through the WebSocket");
    assert_eq!(world.upstream.requests(), before + 9);

    // A preflight has no key, and says nothing of one.
    let preflight = || forge(api.request(Method::OPTIONS, "/things")).header("Origin", "https://app.example.com");
    let asked = preflight().header("Access-Control-Request-Method", "POST").header("X-Workspace-Id", "forged");
    let echo = sent(asked).await.expect(200);
    assert!(
        echo.text.starts_with("options /things http/1.1\r\n") && !echo.text.contains("x-keyward-"),
        "{}",
        echo.text
    );
    assert_nothing_is_forged(&echo);
    sent(preflight()).await.expect(401);
    sent(
        forge(api.get("/things")).header("Origin", "https://a.example").header("Access-Control-Request-Method", "GET"),
    )
    .await
    .expect(401);
    assert_eq!(world.upstream.requests(), before + 10);
}

/// Opens one by hand, and gets back what it says.
fn websocket(address: SocketAddr, key: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream.write_all(b"ping")?;
    let mut said = [0; 4];
    stream.read_exact(&mut said)?;
    assert_eq!(&said, b"ping");
    Ok(())
}

async fn refuses(db: Backend, recipe: Recipe) {
    let World { server, upstream, _running, api } = World::start(db, recipe, false).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await.plaintext;
    let editors = tenant.create_key(&editor, json!({})).await.plaintext;
    let bound = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await.plaintext;
    sent(api.get("/things").bearer(&read_only)).await.expect(200);
    sent(api.get("/things").bearer(&key.plaintext)).await.expect(200);
    sent(api.get("/admin").bearer(&key.plaintext)).await.expect(200);
    let reached = upstream.requests();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let request = api.request(method.parse().expect("a method"), "/things").bearer(&read_only).body("x");
        sent(forge(request)).await.expect(403);
    }
    sent(forge(api.get("/admin/users").bearer(&editors))).await.expect(403);
    sent(forge(api.get("/%61dmin/users?x=1").bearer(&editors))).await.expect(403);
    sent(forge(api.get("/things").bearer(&bound))).await.expect(403);
    sent(forge(api.get("/things"))).await.expect(401);
    let foreign = api.get("/things").bearer(&key.plaintext).header("X-Workspace-Id", "ws_01k4w5c9q2e0vb7m3t8z6r1xhd");
    sent(foreign).await.expect(403);
    let twice = api.get("/things").bearer(&read_only).header("X-API-Key", &read_only);
    sent(twice).await.expect(400);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    sent(api.get("/things").bearer(&key.plaintext)).await.expect(401);
    drop(server);
    let status = sent(api.get("/things").bearer(&read_only)).await.status;
    assert!((500..600).contains(&status), "{status}");
    assert_eq!(upstream.requests(), reached);
}

async fn another_header_with_keys_stays_behind(db: Backend) {
    for kind in [Kind::Caddy, Kind::Traefik] {
        let world = World::start(db, Recipe::Of(kind), true).await;
        let tenant = Tenant::new(&world.server).await;
        let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
        let echo = sent(world.api.get("/things").header(OTHER_HEADER, &key)).await.expect(200);
        assert!(!echo.text.contains(&key.to_lowercase()), "{}", echo.text);
        assert_eq!(got(&echo, "x-keyward-role"), ["admin"]);
    }
}

async fn caddy_passes_on_what_a_good_key_may_do(db: Backend) {
    passes(db, Recipe::Of(Kind::Caddy)).await;
}

async fn caddy_refuses_everything_else(db: Backend) {
    refuses(db, Recipe::Of(Kind::Caddy)).await;
}

async fn traefik_passes_on_what_a_good_key_may_do(db: Backend) {
    passes(db, Recipe::Of(Kind::Traefik)).await;
}

async fn traefik_refuses_everything_else(db: Backend) {
    refuses(db, Recipe::Of(Kind::Traefik)).await;
}

async fn nginx_passes_on_what_a_good_key_may_do(db: Backend) {
    passes(db, Recipe::Nginx).await;
}

async fn nginx_refuses_everything_else(db: Backend) {
    refuses(db, Recipe::Nginx).await;
}
