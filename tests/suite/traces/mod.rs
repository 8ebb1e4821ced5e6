//! Traces by OTLP: what is in them, what is not, and that nobody waits for them.

mod collector;

use crate::support::http::{Answer, Api};
use crate::support::process::{self, Keyward};
use crate::support::redis::Redis;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, log, secrets, tests, tests_once};
use collector::{Collector, Span};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

tests![a_request_is_a_span_under_its_callers_and_what_took_time_is_below_it];

tests_once![
    the_caller_decides_by_its_flag_and_else_the_ratio,
    a_collector_that_is_away_or_hangs_costs_spans_and_holds_up_no_request_and_no_stop,
    without_an_endpoint_nothing_connects,
];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn traces_to(collector: SocketAddr, more: &str) -> String {
    format!("[traces]\notlp_endpoint = \"http://{collector}\"\n{more}\n")
}

async fn a_request_is_a_span_under_its_callers_and_what_took_time_is_below_it(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let collector = Collector::start();
    let header = "Bearer the-collectors-own-secret";
    secrets::register(header);
    let settings = format!("service_name = \"keyward-eu\"\nheaders = {{ authorization = \"{header}\" }}");
    let redis = Redis::start().await;
    let limits = format!("[rate_limit]\nstore = \"{}\"", redis.url());
    let settings = traces_to(collector.address(), &settings) + &limits;
    let mut child = Keyward::serve_logging(server.database.clone(), &settings, "info").await;

    let whoami = child.get("/v1/whoami").bearer(&key.plaintext);
    let read = whoami.header("traceparent", &traceparent("01")).header("tracestate", "a=planted-state").send().await;
    let read = read.expect(200);
    // Its parent is malformed, so it has none.
    let refused = child.get("/v1/whoami?secret=planted-query").bearer("sk_live_planted_nonsense_of_a_key");
    let refused = refused.header("traceparent", "00-1-1-01").send().await.expect(401);
    let missing = child.get("/planted-path").send().await.expect(404);
    let sign_in = json!({ "email": tenant.owner.email, "password": tenant.owner.password, "returnSecureToken": true });
    let sign_in = child.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=a").json(sign_in);
    sign_in.send().await.expect(200);
    let revoked = child.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(child.terminate().success());

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.service == "keyward-eu"));
    let of = |answer: &Answer| -> &Span {
        let id = answer.header("x-request-id").expect("an id");
        let found: Vec<&Span> = spans.iter().filter(|span| span.text("keyward.request_id") == Some(id)).collect();
        assert_eq!(found.len(), 1, "{id} in {spans:#?}");
        found[0]
    };
    let below = |span: &Span, name: &str| -> Vec<&Span> {
        spans
            .iter()
            .filter(|child| child.parent == span.id && child.trace == span.trace && child.name == name)
            .collect()
    };

    let span = of(&read);
    assert_eq!((&*span.trace, &*span.parent, &*span.state), (TRACE, PARENT, ""), "{span:?}");
    assert_eq!((&*span.name, span.kind.as_str()), ("GET /v1/whoami", "SPAN_KIND_SERVER"));
    let caller = key.id.as_str();
    for (attribute, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/v1/whoami"),
        ("url.scheme", "http"),
        ("client.address", "127.0.0.1"),
        ("keyward.caller", caller),
    ] {
        assert_eq!(span.text(attribute), Some(value), "{span:?}");
    }
    assert_eq!((span.number("http.response.status_code"), span.text("keyward.code")), (Some(200), None));
    assert_eq!(below(span, "redis").len(), 1, "{spans:#?}");
    let queries = below(span, "database");
    let system = match db {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgresql",
    };
    assert!(!queries.is_empty(), "{spans:#?}");
    for query in queries {
        assert_eq!((query.text("db.system.name"), query.kind.as_str()), (Some(system), "SPAN_KIND_CLIENT"));
        assert!(span.start <= query.start && query.start <= query.end && query.end <= span.end, "{span:?} {query:?}");
    }

    let span = of(&refused);
    assert!(span.trace != TRACE && span.trace.len() == 32 && span.parent.is_empty(), "{span:?}");
    assert_eq!(span.number("http.response.status_code"), Some(401));
    assert_eq!((span.text("keyward.code"), span.text("error.type")), (Some("invalid_api_key"), None));
    let span = of(&missing);
    assert_eq!((&*span.name, span.text("http.route"), span.text("keyward.code")), ("GET", None, Some("not_found")));

    let sign_in = spans.iter().find(|span| span.name.ends_with("accounts:signInWithPassword")).expect("a sign-in");
    assert_eq!(below(sign_in, "argon2").len(), 1, "{spans:#?}");
    let span = of(&revoked);
    assert_eq!(span.name, "POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/revoke");
    assert_eq!(below(span, "other nodes").len(), 1, "{spans:#?}");

    let sent = collector.bytes();
    let owner = &tenant.owner;
    for secret in [&*key.plaintext, &*owner.id_token, &*owner.email, &*owner.password, header, "planted", "sk_live_"] {
        assert!(!sent.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} was exported");
    }
    assert!(collector.heads().iter().all(|head| head.contains(header) && head.starts_with("POST /v1/traces ")));
    // The log's filter decides about the log all the same.
    assert_eq!(log::events_of(read.header("x-request-id").expect("an id")), Vec::<Value>::new());
}

async fn the_caller_decides_by_its_flag_and_else_the_ratio() {
    let server = Server::start(Backend::Sqlite).await;
    let collector = Collector::start();
    let settings = traces_to(collector.address(), "sample_ratio = 0");
    let mut child = Keyward::serve_logging(server.database.clone(), &settings, "info").await;
    for _ in 0..3 {
        child.get("/v1/me").send().await.expect(401);
        child.get("/v1/me").header("traceparent", &traceparent("00")).send().await.expect(401);
    }
    let sampled = child.get("/v1/me").header("traceparent", &traceparent("01")).send().await.expect(401);
    assert!(child.terminate().success());
    let spans = collector.spans();
    let ids: Vec<Option<&str>> = spans.iter().map(|span| span.text("keyward.request_id")).collect();
    assert_eq!(ids, [sampled.header("x-request-id")], "{spans:#?}");
}

async fn a_collector_that_is_away_or_hangs_costs_spans_and_holds_up_no_request_and_no_stop() {
    let server = Server::start(Backend::Sqlite).await;
    // Nobody accepts what the kernel connects, so nobody answers.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let away = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for collector in [away, hanging.local_addr().expect("an address")] {
        let metrics = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let mut command = process::command_on(&server.database, &["serve", "--listen", "127.0.0.1:0"]);
        command.env("KEYWARD__TRACES__OTLP_ENDPOINT", format!("\"http://{collector}\""));
        command.env("KEYWARD__METRICS__LISTEN", metrics.to_string()).env("KEYWARD__LOG__FORMAT", "json");
        let mut child = Keyward::start(command, server.database.clone()).await;
        // Over more than one export, and while one hangs.
        let begun = Instant::now();
        let mut requests = 0;
        while begun.elapsed() < Duration::from_secs(4) {
            let sent = Instant::now();
            child.get("/v1/me").send().await.expect(401);
            assert!(sent.elapsed() < Duration::from_secs(3), "a request took {:?}", sent.elapsed());
            requests += 1;
        }
        assert!(requests > 20, "only {requests} requests");
        let metrics = Api::new(metrics, server.database.clone());
        until("lost spans are counted", async || {
            let shown = metrics.get("/metrics").try_send().await.expect("an answer").text;
            let value = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            assert_eq!(value("keyward_log_lines_lost_total"), Some(0.0), "{shown}");
            value("keyward_trace_spans_lost_total").expect(&shown) > 0.0
        })
        .await;
        let stopped = tokio::task::spawn_blocking(move || {
            let asked = Instant::now();
            (child.terminate(), asked.elapsed())
        });
        let (status, took) = stopped.await.expect("no panic");
        assert!(status.success() && took < Duration::from_secs(15), "{status}, after {took:?}");
    }
}

async fn without_an_endpoint_nothing_connects() {
    let server = Server::start(Backend::Sqlite).await;
    let collector = Collector::start();
    let mut command = process::command_on(&server.database, &["serve", "--listen", "127.0.0.1:0"]);
    // What other programs take for a configuration is none here.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address()));
    command.env("KEYWARD__METRICS__LISTEN", "127.0.0.1:0").env("KEYWARD__LOG__FORMAT", "json");
    let mut child = Keyward::start(command, server.database.clone()).await;
    child.get("/v1/me").header("traceparent", &traceparent("01")).send().await.expect(401);
    assert!(child.terminate().success());
    assert!(collector.heads().is_empty() && collector.spans().is_empty());
}
