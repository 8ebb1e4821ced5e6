//! HEAD wherever there is GET, and what pages of other origins may send and read: all that the document has.

use crate::support::http::Answer;
use crate::support::{Backend, Server, Tenant, tests};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

tests![
    every_get_route_answers_head_without_a_body,
    a_page_may_send_and_read_every_header_of_the_document,
    subdomains_are_allowed_where_configuration_says_so,
    only_configured_headers_are_credentials_at_forward_auth,
    the_older_limit_headers_are_sent_where_configuration_says_so,
];

const ORIGIN: &str = "https://admin.example.com";

async fn head(server: &Server, path: &str, bearer: Option<&str>) -> Answer {
    let request = server.request(Method::HEAD, path);
    let request = match bearer {
        Some(token) => request.bearer(token),
        None => request,
    };
    request.try_send().await.expect("an answer")
}

async fn every_get_route_answers_head_without_a_body(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let document = server.get("/openapi.json").send().await.expect(200).body;
    let mut paths: Vec<String> =
        ["/openapi.json", "/openapi-3.0.json", "/docs", "/docs/", "/docs/index.html"].map(str::to_owned).to_vec();
    let templates = document["paths"].as_object().expect("paths").iter();
    paths.extend(templates.filter(|(_, item)| item["get"].is_object()).map(|(path, _)| path.clone()));
    assert!(paths.len() > 20, "{paths:?}");
    for template in paths {
        let path = template
            .replace("{organizationId}", &tenant.organization_id)
            .replace("{workspaceId}", &tenant.workspace_id)
            .replace("{keyId}", &key.id);
        for credential in [None, Some(tenant.owner.id_token.as_str()), Some(key.plaintext.as_str())] {
            let request = server.get(&path);
            let got = match credential {
                Some(token) => request.bearer(token).try_send().await,
                None => request.try_send().await,
            };
            let got = got.expect("an answer");
            let head = head(&server, &path, credential).await;
            assert_eq!((head.status, head.text.as_str()), (got.status, ""), "{path}");
            for name in ["content-type", "content-length", "cache-control", "location", "www-authenticate"] {
                // The age of the lease has another number of digits from one moment to the next.
                if (name, path.as_str()) == ("content-length", "/readyz") {
                    continue;
                }
                assert_eq!(head.header(name), got.header(name), "{name} of {path}");
            }
        }
    }
    let refused = head(&server, "/v1/keys/verify", Some(&tenant.owner.id_token)).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
    let refused =
        server.post("/v1/me").bearer(&tenant.owner.id_token).send().await.expect_error(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
}

fn names(answer: &Answer, header: &str) -> BTreeSet<String> {
    let text = answer.header(header).unwrap_or_default().to_ascii_lowercase();
    text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Every header that the document says is read, and every one that it says is written.
fn documented(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
    let mut stack = vec![document];
    while let Some(value) = stack.pop() {
        if value["in"] == "header"
            && let Some(name) = value["name"].as_str()
        {
            read.insert(name.to_ascii_lowercase());
        }
        if let (Some(headers), true) = (value["headers"].as_object(), value["description"].is_string()) {
            written.extend(headers.keys().map(|name| name.to_ascii_lowercase()));
        }
        match value {
            Value::Object(fields) => stack.extend(fields.values()),
            Value::Array(values) => stack.extend(values),
            _ => {}
        }
    }
    (read, written)
}

async fn preflight(server: &Server, origin: &str, method: &str, headers: &str) -> Answer {
    let request = server.request(Method::OPTIONS, "/v1/organizations").header("origin", origin);
    let request = request.header("access-control-request-method", method);
    request.header("access-control-request-headers", headers).try_send().await.expect("an answer")
}

async fn a_page_may_send_and_read_every_header_of_the_document(db: Backend) {
    let server = Server::with(db, |config| {
        config.server.cors_origins = vec![ORIGIN.into()];
        config.server.cors_headers = vec!["X-Own-Tracing".into()];
        config.keys.headers = vec!["Authorization".into(), "X-Acme-Key".into()];
    })
    .await;
    let document = server.get("/openapi.json").send().await.expect(200).body;
    let (read, written) = documented(&document);
    assert!(read.contains("idempotency-key") && read.contains("x-acme-key"), "{read:?}");
    assert!(written.contains("idempotent-replayed") && written.contains("ratelimit"), "{written:?}");
    let beside = ["if-match", "if-none-match", "traceparent", "tracestate", "baggage", "x-own-tracing"];
    for name in read.iter().map(String::as_str).chain(beside) {
        let allowed = preflight(&server, ORIGIN, "POST", name).await;
        assert_eq!(allowed.header("access-control-allow-origin"), Some(ORIGIN), "{name}");
        assert!(names(&allowed, "access-control-allow-headers").contains(name), "{name}: {allowed:?}");
    }
    assert!(
        names(&preflight(&server, ORIGIN, "HEAD", "authorization").await, "access-control-allow-methods")
            .contains("head")
    );
    let refused = preflight(&server, ORIGIN, "POST", "x-unheard-of").await;
    assert!(!names(&refused, "access-control-allow-headers").contains("x-unheard-of"), "{refused:?}");
    let answer = server.get("/v1/me").header("origin", ORIGIN).send().await;
    let exposed = names(&answer, "access-control-expose-headers");
    for name in written.iter().map(String::as_str).chain(["etag", "x-request-id", "retry-after"]) {
        assert!(exposed.contains(name), "{name} in {exposed:?}");
    }
}

async fn subdomains_are_allowed_where_configuration_says_so(db: Backend) {
    let server = Server::with(db, |config| {
        config.server.cors_origins = vec![ORIGIN.into(), "https://*.customers.example".into()];
    })
    .await;
    let allowed = ["https://a.customers.example", "https://a.b.customers.example", ORIGIN];
    let refused = [
        "https://customers.example",
        "http://a.customers.example",
        "https://a.customers.example:8443",
        "https://evilcustomers.example",
        "https://a.customers.example.evil.example",
        "https://evil.example/.customers.example",
        "https://.customers.example",
        "null",
    ];
    for (origins, expected) in [(&allowed[..], true), (&refused[..], false)] {
        for origin in origins {
            for answer in [
                server.get("/v1/me").header("origin", origin).send().await,
                preflight(&server, origin, "GET", "authorization").await,
            ] {
                let named = answer.header("access-control-allow-origin");
                assert_eq!(named, expected.then_some(*origin), "{origin}");
            }
        }
    }
}

async fn only_configured_headers_are_credentials_at_forward_auth(db: Backend) {
    let server = Server::with(db, |config| config.keys.headers = vec!["X-API-Key".into()]).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for foreign in ["Basic dXNlcjpwYXNz", "Bearer a-token-of-the-api-behind", "Bearer a.b.c", "DPoP x", "Bearer svc_x"]
    {
        let both = server.get("/v1/forward-auth").header("authorization", foreign).header("x-api-key", &key.plaintext);
        let passed = both.send().await.expect(200);
        assert_eq!(passed.header("x-keyward-key-id"), Some(key.id.as_str()), "{foreign}");
        let alone = server.get("/v1/forward-auth").header("authorization", foreign).send().await;
        alone.expect_error(401, "missing_credentials");
        // Elsewhere the header is Keyward's own, and two credentials are one too many.
        let both = server.get("/v1/whoami").header("authorization", foreign).header("x-api-key", &key.plaintext);
        assert_ne!(both.send().await.status, 200, "{foreign}");
    }
    let twice = server.get("/v1/forward-auth").header("x-api-key", &key.plaintext).header("x-api-key", "sk_live_x");
    twice.send().await.expect_error(400, "bad_request");
}

async fn the_older_limit_headers_are_sent_where_configuration_says_so(db: Backend) {
    let server = Server::with(db, |config| {
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (60, 3);
        config.rate_limit.x_headers = true;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let limits = |answer: &Answer| {
        ["limit", "remaining", "reset"].map(|name| {
            let text = answer.header(&format!("x-ratelimit-{name}")).unwrap_or_else(|| panic!("{name}: {answer:?}"));
            text.parse::<u64>().expect("a number")
        })
    };
    for left in [2, 1, 0] {
        let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
        let [limit, remaining, reset] = limits(&answer);
        assert_eq!((limit, remaining), (3, left));
        assert!((1..=60).contains(&reset), "{reset}");
        assert!(answer.header("ratelimit").is_some(), "the draft's are there too");
    }
    let limited = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(429, "rate_limited");
    assert_eq!(limits(&limited)[1], 0);
    assert_eq!(limited.header("x-ratelimit-reset"), limited.header("retry-after"));
    let other = Server::start(db).await;
    let tenant = Tenant::new(&other).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let answer = other.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(answer.header("x-ratelimit-limit"), None);
}
