//! A real nginx, with `deploy/nginx.conf`, in front of an API.

use super::upstream::Upstream;
use crate::support::http::{Answer, Api};
use crate::support::nginx::Nginx;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::Config;
use serde_json::json;

tests![
    a_good_key_reaches_the_api_and_says_whose_it_is,
    headers_that_a_client_forges_do_not_reach_the_api,
    the_api_gets_the_workspace_that_was_checked,
    a_key_that_may_not_do_it_does_not_reach_the_api,
    a_refusal_says_why_and_when_to_return,
    nobody_reaches_the_api_while_keyward_is_away,
];

struct World {
    server: Server,
    upstream: Upstream,
    _nginx: Nginx,
    /// To nginx.
    api: Api,
}

impl World {
    async fn start(db: Backend, change: impl FnOnce(&mut Config)) -> Self {
        let server = Server::with(db, |config| {
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a block")];
            change(config);
        })
        .await;
        let upstream = Upstream::start();
        let nginx = Nginx::start(server.address(), upstream.address()).await;
        let api = Api::new(nginx.address(), server.database.clone());
        Self { server, upstream, _nginx: nginx, api }
    }

    async fn get(&self, key: &str) -> Answer {
        self.api.get("/things").bearer(key).try_send().await.expect("an answer")
    }
}

/// The values of a header that the upstream got.
fn got<'a>(echo: &'a Answer, name: &str) -> Vec<&'a str> {
    echo.text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

async fn a_good_key_reaches_the_api_and_says_whose_it_is(db: Backend) {
    let world = World::start(db, |_| {}).await;
    let tenant = Tenant::new(&world.server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["127.0.0.1"] })).await;
    let request = world.api.post("/things?page=2").bearer(&key.plaintext).json(json!({ "name": "Thing" }));
    let echo = request.try_send().await.expect("an answer").expect(200);
    assert!(echo.text.starts_with("post /things?page=2 http/1.1") && echo.text.ends_with(r#"{"name":"Thing"}"#));
    assert_eq!(got(&echo, "x-keyward-key-id"), [key.id.as_str()]);
    assert_eq!(got(&echo, "x-keyward-workspace-id"), [tenant.workspace_id.as_str()]);
    assert_eq!(got(&echo, "x-keyward-organization-id"), [tenant.organization_id.as_str()]);
    assert_eq!(got(&echo, "x-keyward-role"), ["admin"]);
    assert_eq!(got(&echo, "x-keyward-scope"), ["full"]);
    assert!(!echo.text.contains(&key.plaintext.to_lowercase()), "the key itself stays behind");
    assert!(echo.header("ratelimit").is_some() && echo.header("ratelimit-policy").is_some());
    let in_its_header = world.api.get("/things").header("x-api-key", &key.plaintext).try_send().await;
    let echo = in_its_header.expect("an answer").expect(200);
    assert!(!echo.text.contains(&key.plaintext.to_lowercase()), "the key itself stays behind");
    // What the API itself refuses comes through as it is.
    let refused = world.api.get("/refused").bearer(&key.plaintext).try_send().await.expect("an answer").expect(401);
    assert!(refused.text.starts_with("get /refused"), "{}", refused.text);
    assert_eq!(world.upstream.requests(), 3);
}

async fn headers_that_a_client_forges_do_not_reach_the_api(db: Backend) {
    let world = World::start(db, |_| {}).await;
    let tenant = Tenant::new(&world.server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let names = ["key-id", "workspace-id", "organization-id", "role", "scope", "permissions"];
    let mut request = world.api.get("/things").bearer(&key.plaintext).header("x-forwarded-for", "10.0.0.1");
    for name in names {
        request = request.header(&format!("X-Keyward-{name}"), "forged").header(&format!("x_keyward_{name}"), "forged");
    }
    let echo = request.try_send().await.expect("an answer").expect(200);
    assert!(!echo.text.contains("forged") && !echo.text.contains("10.0.0.1"), "{}", echo.text);
    assert_eq!(got(&echo, "x-keyward-role"), ["viewer"]);
    assert_eq!(got(&echo, "x-keyward-permissions"), ["workspace:read,members:read,content:read,keys:own"]);
    assert_eq!(got(&echo, "x-keyward-key-id"), [key.id.as_str()]);
    // Nor do they, or an address that the client claims, count for Keyward.
    let bound = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await;
    let request = world.api.get("/things").bearer(&bound.plaintext).header("x-forwarded-for", "10.0.0.1");
    request.try_send().await.expect("an answer").expect(403);
    let request = world.api.get("/things").header("x-keyward-key-id", &key.id);
    request.try_send().await.expect("an answer").expect(401);
    // The question itself is nobody's to ask.
    world.api.get("/_keyward").bearer(&key.plaintext).try_send().await.expect("an answer").expect(404);
    assert_eq!(world.upstream.requests(), 1);
}

async fn the_api_gets_the_workspace_that_was_checked(db: Backend) {
    let world = World::start(db, |_| {}).await;
    let (tenant, other) = (Tenant::new(&world.server).await, Tenant::new(&world.server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let (own, foreign) = (tenant.workspace_id.as_str(), other.workspace_id.as_str());
    let ask = |workspaces: &[&str]| {
        let request = world.api.get("/things").bearer(&key).header("forwarded", "for=10.0.0.1");
        workspaces.iter().fold(request, |request, id| request.header("X-Workspace-Id", id)).try_send()
    };
    for (named, status) in [(&[foreign][..], 403), (&[own, foreign], 400), (&[foreign, own], 400), (&[own, own], 400)] {
        ask(named).await.expect("an answer").expect(status);
    }
    assert_eq!(world.upstream.requests(), 0);
    for named in [&[own][..], &[]] {
        let echo = ask(named).await.expect("an answer").expect(200);
        assert_eq!(got(&echo, "x-workspace-id"), [own]);
        assert!(got(&echo, "forwarded").is_empty(), "{}", echo.text);
    }
}

async fn a_key_that_may_not_do_it_does_not_reach_the_api(db: Backend) {
    let world = World::start(db, |_| {}).await;
    let tenant = Tenant::new(&world.server).await;
    let owner = &tenant.owner.id_token;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await;
    world.get(&key.plaintext).await.expect(200);
    world.get(&read_only.plaintext).await.expect(200);
    let head = world.api.request(reqwest::Method::HEAD, "/things").bearer(&read_only.plaintext).try_send().await;
    head.expect("an answer").expect(200);
    let reached = world.upstream.requests();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let method = method.parse().expect("a method");
        let request = world.api.request(method, "/things").bearer(&read_only.plaintext).body("x");
        request.try_send().await.expect("an answer").expect(403);
    }
    world.server.post(&tenant.key_path(&key, "/revoke")).bearer(owner).send().await.expect(200);
    world.get(&key.plaintext).await.expect(401);
    for wrong in ["sk_live_nonsense", owner, "svc_nonsense"] {
        let status = world.get(wrong).await.status;
        assert!([401, 403].contains(&status), "{status}");
    }
    let twice = world.api.get("/things").bearer(&read_only.plaintext).header("x-api-key", &read_only.plaintext);
    twice.try_send().await.expect("an answer").expect(400);
    assert_eq!(world.upstream.requests(), reached);
}

async fn a_refusal_says_why_and_when_to_return(db: Backend) {
    let world = World::start(db, |config| {
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (1, 1);
    })
    .await;
    let tenant = Tenant::new(&world.server).await;
    let check = |answer: &Answer, code: &str| {
        assert_eq!(answer.body["error"]["code"], code, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{:?}", answer.headers);
    };
    let nobody = world.api.get("/things").try_send().await.expect("an answer").expect(401);
    check(&nobody, "unauthorized");
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer"));
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    world.get(&key.plaintext).await.expect(200);
    let limited = world.get(&key.plaintext).await.expect(429);
    check(&limited, "rate_limited");
    let wait: u64 = limited.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(limited.header("ratelimit").is_some_and(|left| left.starts_with("\"key\";r=0;")));
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await;
    let forbidden = world.api.delete("/things").bearer(&read_only.plaintext).try_send().await;
    check(&forbidden.expect("an answer").expect(403), "forbidden");
    assert_eq!(world.upstream.requests(), 1);
}

async fn nobody_reaches_the_api_while_keyward_is_away(db: Backend) {
    let World { server, upstream, _nginx, api } = World::start(db, |_| {}).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    api.get("/things").bearer(&key).try_send().await.expect("an answer").expect(200);
    drop(server);
    let refused = api.get("/things").bearer(&key).try_send().await.expect("an answer").expect(503);
    assert_eq!(refused.body["error"]["code"], "unavailable");
    assert_eq!(upstream.requests(), 1);
}
