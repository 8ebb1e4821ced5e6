//! FastPaths: the usual answers, given before the way through the application. They are what the long way answers, and leave
//! behind what it leaves behind.

use crate::support::http::{Answer, Api, Request};
use crate::support::raw::raw;
use crate::support::tenant::{Key, service_token};
use crate::support::{Backend, Server, Tenant, log, process, tests};
use keyward::base::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

tests![
    programs_and_services_are_answered_the_same_on_both_ways,
    the_usual_request_takes_the_shortcut_and_the_rest_does_not,
    both_ways_count_and_note_the_same,
    a_body_that_comes_late_or_in_pieces_is_answered_all_the_same,
    a_shortcut_is_refused_from_the_moment_its_credential_is,
];

/// Each request has its lines in a log of this detail, so none takes a shortcut.
fn go_the_long_way(config: &mut Config) {
    config.log.filter = "debug".to_owned();
}

/// Limits that no test reaches, and of which nothing is used a moment later: both nodes count for themselves.
fn lift_limits(config: &mut Config) {
    for plan in config.plans.values_mut() {
        (plan.requests_per_minute, plan.burst) = (60_000_000, 900_000);
    }
}

/// Whether the request was answered by a shortcut: the log of this run has a line of every other.
fn took_the_shortcut(answer: &Answer) -> bool {
    !log::requests_with_a_line().contains(answer.header("x-request-id").expect("an id"))
}

/// What must be the same on both ways: all but the request's id, the time, and what is left at this very moment.
fn comparable(mut answer: Answer) -> (u16, BTreeMap<String, String>, Value, String) {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &answer.headers {
        let value = match name.as_str() {
            "date" | "x-request-id" | "ratelimit" => "",
            "content-length" if answer.status >= 400 || answer.body["rateLimit"].is_object() => "",
            _ => value.to_str().expect("text"),
        };
        let values = headers.entry(name.to_string()).or_default();
        values.push_str(value);
        values.push('|');
    }
    for field in ["requestId", "timestamp"] {
        if let Some(error) = answer.body.get_mut("error") {
            error[field].take();
        }
    }
    let has_limit = answer.body["rateLimit"].is_object();
    if has_limit {
        for field in ["remaining", "resetSeconds"] {
            assert!(answer.body["rateLimit"][field].take().is_u64());
        }
    }
    // The very bytes, the order of fields among them, where nothing in them differs.
    let text = if answer.status < 400 && !has_limit { answer.text } else { String::new() };
    (answer.status, headers, answer.body, text)
}

/// Keys in every state, by a name for it.
async fn keys(server: &Server, tenant: &Tenant<'_>) -> Vec<(&'static str, Key)> {
    let (owner, viewer) = (&tenant.owner, tenant.add_to_workspace("viewer").await);
    let leaver = tenant.add_to_workspace("editor").await;
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let keys = vec![
        ("full", tenant.create_key(owner, json!({ "name": "\"quoted\" \\ Ключ 🔑" })).await),
        ("nameless", tenant.create_key(owner, json!({})).await),
        ("read-only", tenant.create_key(owner, json!({ "scope": "read_only", "name": "R" })).await),
        ("viewer's", tenant.create_key(&viewer, json!({ "name": "V" })).await),
        ("here", tenant.create_key(owner, json!({ "allowedIps": ["127.0.0.0/8"] })).await),
        ("elsewhere", tenant.create_key(owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await),
        ("expired", tenant.create_key(owner, json!({ "expiresAt": end })).await),
        ("revoked", tenant.create_key(owner, json!({})).await),
        ("disabled", tenant.create_key(owner, json!({})).await),
        ("orphaned", tenant.create_key(&leaver, json!({})).await),
    ];
    for (name, key) in &keys {
        server.get("/v1/whoami").bearer(&key.plaintext).send().await;
        let path = match *name {
            "revoked" => "/revoke",
            "disabled" => "/disable",
            _ => continue,
        };
        server.post(&tenant.key_path(key, path)).bearer(&owner.id_token).send().await.expect(200);
    }
    let member = tenant.workspace_path(&format!("/members/{}", leaver.user_id));
    server.delete(&member).bearer(&owner.id_token).send().await.expect(200);
    server.clock.advance(Duration::from_secs(61));
    keys
}

/// A request that can be made of several servers, and again.
type Ask<'a> = Box<dyn Fn(&Api) -> Request + 'a>;

fn requests<'a>(tenant: &Tenant<'_>, keys: &'a [(&str, Key)], service: &'a str) -> Vec<Ask<'a>> {
    let mut requests: Vec<Ask<'a>> = Vec::new();
    let (workspace, token) = (tenant.workspace_id.clone(), tenant.owner.id_token.clone());
    let unknown = keys[0].1.plaintext.replace("sk_live_", "sk_test_");
    let credentials = keys.iter().map(|(_, key)| key.plaintext.clone()).chain([unknown, "sk_live_typo".to_owned()]);
    for key in credentials {
        for path in ["/v1/whoami", "/v1/forward-auth"] {
            let with = |change: fn(Request, &str, &str) -> Request| -> Ask<'a> {
                let (key, workspace) = (key.clone(), workspace.clone());
                Box::new(move |api| change(api.get(path), &key, &workspace))
            };
            requests.push(with(|request, key, _| request.bearer(key)));
            requests.push(with(|request, key, _| request.header("x-api-key", key)));
            requests.push(with(|request, key, _| request.header("authorization", &format!("bEARER  {key} "))));
            requests.push(with(|request, key, id| request.bearer(key).header("x-workspace-id", id)));
            requests.push(with(|request, key, _| request.bearer(key).header("x-workspace-id", "ws_other")));
            requests.push(with(|request, key, _| request.bearer(key).header("x-api-key", key)));
            requests.push(with(|request, key, _| request.bearer(key).header("authorization", "Bearer x")));
            requests.push(with(|request, key, _| request.bearer(key).header("x-long", &"x".repeat(40_000))));
            requests.push(with(|request, key, _| request.bearer(key).header("origin", "https://a.example")));
            requests.push(with(|request, key, _| request.bearer(key).header("x-forwarded-for", "203.0.113.9")));
            requests.push(with(|request, key, _| request.bearer(key).body("a body of a GET")));
            for query in ["?permission=content:write", "?permission=nonsense", "?"] {
                let (key, path) = (key.clone(), format!("{path}{query}"));
                requests.push(Box::new(move |api| api.get(&path).bearer(&key)));
            }
            for method in ["POST", "HEAD", "OPTIONS", "DELETE"] {
                let (key, method) = (key.clone(), method.parse::<reqwest::Method>().expect("a method"));
                requests.push(Box::new(move |api| api.request(method.clone(), path).bearer(&key)));
            }
        }
        for question in [
            json!({ "key": key }),
            json!({ "key": key, "permission": "content:write", "workspaceId": workspace, "cost": 3 }),
            json!({ "key": key, "permission": null, "workspaceId": null, "cost": null }),
            json!({ "key": key, "workspaceId": "ws_01k4w5c9q2e0vb7m3t8z6r1xhd" }),
            json!({ "key": key, "cost": 0 }),
            // More than the burst: always limited.
            json!({ "key": key, "cost": 1_000_000 }),
            json!({ "key": key, "more": true }),
            json!([key]),
        ] {
            requests.push(Box::new(move |api| api.post("/v1/keys/verify").bearer(service).json(question.clone())));
        }
        let question = json!({ "key": key }).to_string();
        for (media_type, body) in [
            ("application/json; charset=utf-8", question.clone()),
            ("text/plain", question.clone()),
            ("application/json", format!("{question} x")),
            ("application/json", format!(r#"{{"key":"{key}","key":"{key}"}}"#)),
            ("application/json", format!("{question}{}", " ".repeat(100_000))),
            ("application/json", String::new()),
        ] {
            requests.push(Box::new(move |api| {
                api.post("/v1/keys/verify").bearer(service).header("content-type", media_type).body(body.clone())
            }));
        }
        let key = key.clone();
        requests.push(Box::new(move |api| api.post("/v1/keys/verify").bearer(&key).json(json!({ "key": key }))));
    }
    for path in ["/v1/whoami", "/v1/forward-auth"] {
        let token = token.clone();
        requests.push(Box::new(move |api| api.get(path).bearer(&token)));
        requests.push(Box::new(move |api| api.get(path).bearer(service)));
        requests.push(Box::new(move |api| api.get(path)));
    }
    requests
}

async fn programs_and_services_are_answered_the_same_on_both_ways(db: Backend) {
    let short = Server::with(db, lift_limits).await;
    let tenant = Tenant::new(&short).await;
    let (service, keys) = (service_token(&short.database).await, keys(&short, &tenant).await);
    let long = short.another(go_the_long_way).await;
    let requests = requests(&tenant, &keys, &service);
    let (mut ids, mut refusals) = ([Vec::new(), Vec::new()], 0);
    for status in ["active", "canceled"] {
        process::run(&short.database, &["subscription", "set", &tenant.organization_id, "--status", status]).await;
        for (place, request) in requests.iter().enumerate() {
            // Once to have the credential in memory.
            request(&short).try_send().await.expect("an answer");
            let ours = request(&short).try_send().await.expect("an answer");
            let theirs = request(&long).try_send().await.expect("an answer");
            for (ids, answer) in ids.iter_mut().zip([&ours, &theirs]) {
                ids.push(answer.header("x-request-id").expect("an id").to_owned());
            }
            refusals += usize::from(ours.status >= 400);
            assert_eq!(comparable(ours), comparable(theirs), "request {place}, {status}");
        }
    }
    // Else nothing was compared.
    let told = log::requests_with_a_line();
    let [fast, by_the_full_pipeline] = ids.map(|ids| ids.iter().filter(|id| !told.contains(*id)).count());
    assert!(fast >= 50 && refusals >= 500, "{fast} fast, {refusals} refusals");
    assert_eq!(by_the_full_pipeline, 0, "the long way writes a line of each");
}

async fn the_usual_request_takes_the_shortcut_and_the_rest_does_not(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (service, key) = (service_token(&server.database).await, tenant.create_key(&tenant.owner, json!({})).await);
    let whoami = || server.get("/v1/whoami").bearer(&key.plaintext);
    let verify = || server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": key.plaintext }));
    assert!(!took_the_shortcut(&whoami().send().await.expect(200)), "its key was not in memory");
    assert!(!took_the_shortcut(&verify().send().await.expect(200)), "its token was not in memory");
    for request in [whoami(), server.get("/v1/forward-auth").header("x-api-key", &key.plaintext), verify()] {
        assert!(took_the_shortcut(&request.send().await.expect(200)));
    }
    let permitted = server.get("/v1/forward-auth?permission=content:read").bearer(&key.plaintext);
    let unusual = [server.get("/v1/members").bearer(&key.plaintext), permitted];
    for request in unusual {
        assert!(!took_the_shortcut(&request.send().await.expect(200)));
    }
    let watched = server.another(|config| config.server.cors_origins = vec!["https://a.example".to_owned()]).await;
    for _ in 0..2 {
        let answer = watched.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
        assert!(!took_the_shortcut(&answer), "CORS has a say in each answer");
    }
}

/// The series that tell of requests, and their values.
async fn counts(server: &Server) -> BTreeMap<String, u64> {
    let url = format!("http://{}/metrics", server.metrics_address().expect("a listener for metrics"));
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let text = client.get(url).header("connection", "close").send().await.expect("metrics").text().await.expect("text");
    let told =
        ["http_requests_total", "http_request_duration_seconds_count", "verifications_total", "cache_lookups_total"];
    let lines = text.lines().filter(|line| told.iter().any(|name| line.contains(name)) && !line.starts_with('#'));
    let mut counts = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.rsplit_once(' ')) {
        // What is in memory depends on when the server got its lease; that it was looked for does not.
        let name = if name.contains("cache_lookups") { "cache_lookups" } else { name };
        *counts.entry(name.to_owned()).or_default() += value.parse::<u64>().expect("a count");
    }
    counts
}

async fn both_ways_count_and_note_the_same(db: Backend) {
    let mut seen = Vec::new();
    for change in [lift_limits, go_the_long_way] {
        let server = Server::with(db, |config| {
            config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
            change(config);
        })
        .await;
        let tenant = Tenant::new(&server).await;
        let service = service_token(&server.database).await;
        let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["127.0.0.1"] })).await;
        let used = tenant.create_key(&tenant.owner, json!({})).await;
        server.clock.advance(Duration::from_secs(60));
        for _ in 0..5 {
            server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
            server.get("/v1/forward-auth").bearer(&key.plaintext).send().await.expect(200);
            server.get("/v1/forward-auth?permission=nonsense").bearer(&key.plaintext).send().await.expect(400);
            server.get("/v1/whoami").bearer(&key.plaintext).header("x-workspace-id", "ws").send().await.expect(403);
            let question = json!({ "key": used.plaintext });
            server.post("/v1/keys/verify").bearer(&service).json(question).send().await.expect(200);
        }
        let path = |key| tenant.key_path(key, "");
        let mut rows = Vec::new();
        for key in [&key, &used] {
            let shown = server.get(&path(key)).bearer(&tenant.owner.id_token).send().await.expect(200);
            assert!(shown["lastUsedAt"].as_str() > shown["createdAt"].as_str(), "{}", shown.text);
            let usage = format!("{}/usage", path(key));
            let usage = server.get(&usage).bearer(&tenant.owner.id_token).send().await.expect(200);
            let sum =
                |name: &str| usage["data"].as_array().unwrap().iter().filter_map(|bucket| bucket[name].as_u64()).sum();
            rows.push(["admitted", "limited", "refused"].map(|name| -> u64 { sum(name) }));
        }
        assert_eq!(rows, [[15, 0, 5], [5, 0, 0]]);
        seen.push(counts(&server).await);
    }
    assert!(seen[0].values().sum::<u64>() > 50);
    assert_eq!(seen[0], seen[1]);
}

async fn a_body_that_comes_late_or_in_pieces_is_answered_all_the_same(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (service, key) = (service_token(&server.database).await, tenant.create_key(&tenant.owner, json!({})).await);
    let body = json!({ "key": key.plaintext }).to_string();
    let head = format!(
        "POST /v1/keys/verify HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service}\r\nContent-Type: application/json\r\n\
         Connection: close\r\n"
    );
    let whole = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let (first, rest) = body.split_at(20);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", first.len(), rest.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    for request in [&whole, &whole, &chunked] {
        let (status, _, answer) = raw(&server, request.as_str()).await;
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!((status.as_u16(), &answer["code"]), (200, &json!("VALID")));
    }
    // Cut in the headers, right after them, and in the body; meanwhile the server has time to look.
    let end = whole.len() - body.len();
    for cut in [end - 10, end, end + 1, end + 20, whole.len() - 1] {
        let (address, bytes) = (server.address(), whole.clone());
        let connect = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
            stream.write_all(&bytes.as_bytes()[..cut]).expect("the first part is sent");
            (stream, bytes)
        });
        let (mut stream, bytes) = connect.await.expect("no panic");
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
        let finish = tokio::task::spawn_blocking(move || {
            stream.write_all(&bytes.as_bytes()[cut..]).expect("the rest is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let answer = finish.await.expect("no panic");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""code":"VALID""#), "cut at {cut}: {answer}");
    }
}

async fn a_shortcut_is_refused_from_the_moment_its_credential_is(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let service = service_token(&server.database).await;
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let expiring = tenant.create_key(&tenant.owner, json!({ "expiresAt": end })).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let whoami = async |key: &Key| server.get("/v1/whoami").bearer(&key.plaintext).send().await;
    let code = async |key: &Key| {
        let question = server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": key.plaintext }));
        question.send().await.expect(200).text_at("/code")
    };
    for key in [&expiring, &key] {
        for _ in 0..2 {
            whoami(key).await.expect(200);
            assert_eq!(code(key).await, "VALID");
        }
    }
    server.clock.advance(Duration::from_secs(60));
    whoami(&expiring).await.expect_error(401, "api_key_expired");
    assert_eq!(code(&expiring).await, "EXPIRED");
    whoami(&key).await.expect(200);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    whoami(&key).await.expect_error(401, "api_key_revoked");
    assert_eq!(code(&key).await, "REVOKED");
    let id = server.database.texts("SELECT id AS text FROM service_tokens").remove(0);
    process::run(&server.database, &["service-token", "revoke", &id]).await;
    let question = server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": key.plaintext }));
    question.send().await.expect_error(401, "api_key_revoked");
}
