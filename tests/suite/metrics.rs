//! What Prometheus is told, and what it is not.

use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    requests_are_counted_by_template_method_and_status,
    unknown_paths_methods_and_tenants_make_no_new_labels,
    verifications_are_counted_by_kind_and_exact_code,
    the_pool_the_hashes_and_the_process_are_shown,
    a_pool_that_is_full_is_counted,
    metrics_have_a_listener_of_their_own_and_an_off_switch,
];

pub async fn start(db: Backend) -> Server {
    Server::with(db, |config| config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"))).await
}

/// A GET of the metrics' listener.
async fn fetch(server: &Server, path: &str) -> (u16, String) {
    let address = server.metrics_address().expect("a listener for metrics");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let request = client.get(format!("http://{address}{path}")).header("connection", "close");
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a text"))
}

pub async fn scrape(server: &Server) -> String {
    let (status, text) = fetch(server, "/metrics").await;
    assert!(status == 200 && text.ends_with("# EOF\n"), "{status}: {text}");
    text
}

/// The value of a series, as it is written; 0 if it is not there.
pub fn value(text: &str, series: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap_or_else(|error| panic!("{series} {value}: {error}")))
}

async fn requests_are_counted_by_template_method_and_status(db: Backend) {
    let server = start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = scrape(&server).await;
    for _ in 0..3 {
        server.get("/v1/me").bearer(&tenant.owner.id_token).send().await.expect(200);
        server.get(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).send().await.expect(200);
    }
    server.get(&tenant.workspace_path("")).send().await.expect(401);
    server.patch(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).json(json!({})).send().await.expect(422);
    server.put(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).send().await.expect(405);
    let after = scrape(&server).await;
    let rows = [
        ("/v1/me", "GET", 200, 3),
        ("/v1/workspaces/{workspaceId}", "GET", 200, 3),
        ("/v1/workspaces/{workspaceId}", "GET", 401, 1),
        ("/v1/workspaces/{workspaceId}", "PATCH", 422, 1),
        ("/v1/workspaces/{workspaceId}", "PUT", 405, 1),
    ];
    for (route, method, status, more) in rows {
        let series =
            format!("keyward_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}");
        assert_eq!(value(&after, &series) - value(&before, &series), more, "{series} in {after}");
    }
    let count = "keyward_http_request_duration_seconds_count{route=\"/v1/workspaces/{workspaceId}\"}";
    assert_eq!(value(&after, count) - value(&before, count), 6);
    let all = "keyward_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/v1/workspaces/{workspaceId}\"}";
    assert_eq!(value(&after, all), value(&after, count), "{after}");
}

async fn unknown_paths_methods_and_tenants_make_no_new_labels(db: Backend) {
    let server = start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    for path in ["/nothing", "/v1/no-such-thing", "/v1/workspaces/a/b/c/d", "/.env"] {
        server.get(path).bearer(&tenant.owner.id_token).send().await.expect(404);
    }
    server.request("BREW".parse().expect("a method"), "/v1/me").bearer(&key.plaintext).send().await;
    let text = scrape(&server).await;
    assert_eq!(
        value(&text, "keyward_http_requests_total{route=\"(none)\",method=\"GET\",status=\"404\"}"),
        4,
        "{text}"
    );
    assert!(text.contains("method=\"other\"") && !text.contains("BREW"), "{text}");
    let body = key.plaintext.trim_start_matches("sk_live_");
    let private = ["nothing", "no-such-thing", ".env", "org_", "ws_", "key_", "usr_", "sk_live_", body, "@"];
    for word in private.into_iter().chain([tenant.owner.id_token.as_str()]) {
        assert!(!text.contains(word), "{word} is in {text}");
    }
}

async fn verifications_are_counted_by_kind_and_exact_code(db: Backend) {
    let server = start(db).await;
    let tenant = Tenant::new(&server).await;
    let (good, revoked) =
        (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    server.post(&tenant.key_path(&revoked, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let gateway = service_token(&server.database).await;
    let before = scrape(&server).await;
    for key in [&good.plaintext, &revoked.plaintext, "sk_live_nonsense"] {
        let request = server.post("/v1/keys/verify").bearer(&gateway).json(json!({ "key": key }));
        request.send().await.expect(200);
    }
    server.get("/v1/whoami").bearer(&good.plaintext).send().await.expect(200);
    server.get("/v1/me").bearer(&good.plaintext).send().await.expect(403);
    server.get("/v1/whoami").bearer(&revoked.plaintext).send().await.expect_error(401, "api_key_revoked");
    server.get("/v1/whoami").bearer("sk_live_nonsense").send().await.expect_error(401, "invalid_api_key");
    server.get("/v1/whoami").bearer("svc_nonsense").send().await.expect_error(401, "invalid_api_key");
    server.get("/v1/me").bearer("a.b.c").send().await.expect_error(401, "invalid_id_token");
    server.get("/v1/me").bearer(&tenant.owner.id_token).send().await.expect(200);
    server.get("/v1/me").send().await.expect_error(401, "missing_credentials");
    let elsewhere = server.get("/v1/whoami").bearer(&good.plaintext).header("x-workspace-id", "ws_other");
    elsewhere.send().await.expect_error(403, "workspace_mismatch");
    let after = scrape(&server).await;
    let rows = [
        ("api_key", "ok", 3),
        ("api_key", "api_key_revoked", 2),
        ("api_key", "invalid_api_key", 2),
        ("service_token", "ok", 3),
        ("api_key", "workspace_mismatch", 1),
        ("service_token", "invalid_api_key", 1),
        ("id_token", "invalid_id_token", 1),
        ("id_token", "ok", 1),
        ("none", "missing_credentials", 1),
    ];
    for (kind, code, more) in rows {
        let series = format!("keyward_verifications_total{{credential=\"{kind}\",code=\"{code}\"}}");
        assert_eq!(value(&after, &series) - value(&before, &series), more, "{series} in {after}");
    }
}

async fn the_pool_the_hashes_and_the_process_are_shown(db: Backend) {
    let server = start(db).await;
    server.get("/readyz").send().await.expect(200);
    let text = scrape(&server).await;
    let idle = value(&text, "keyward_database_connections{state=\"idle\"}");
    let used = value(&text, "keyward_database_connections{state=\"used\"}");
    let limit = value(&text, "keyward_database_connections_limit");
    assert!(idle + used >= 1 && limit == u64::from(server.config.database.pool_size) && idle + used <= limit, "{text}");
    assert!(value(&text, "keyward_start_time_seconds") > 1_700_000_000, "{text}");
    for series in [
        "keyward_database_waiting 0",
        "keyward_database_timeouts_total 0",
        "keyward_password_hashes{state=\"running\"} 0",
        "keyward_password_hashes{state=\"waiting\"} 0",
        "keyward_password_hash_blocks_total 0",
        concat!("keyward_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|line| line == series), "{series} is not in {text}");
    }
}

async fn a_pool_that_is_full_is_counted(db: Backend) {
    let server = Server::with(db, |config| {
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
        config.database.pool_size = 1;
        config.database.pool_timeout = std::time::Duration::from_millis(300);
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let held = server.database.hold_writers();
    let revoke = || server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send();
    let (one, other) = tokio::join!(revoke(), revoke());
    drop(held);
    assert_eq!((one.status, other.status), (503, 503));
    let text = scrape(&server).await;
    assert!(value(&text, "keyward_database_timeouts_total") >= 1, "{text}");
}

async fn metrics_have_a_listener_of_their_own_and_an_off_switch(db: Backend) {
    let server = start(db).await;
    server.get("/metrics").send().await.expect_error(404, "not_found");
    assert_eq!(fetch(&server, "/v1/me").await.0, 404);
    assert_eq!(fetch(&server, "/healthz").await.0, 404);
    let without = server.another(|config| config.metrics.listen = None).await;
    assert_eq!(without.metrics_address(), None);
    without.get("/healthz").send().await.expect(200);
    without.get("/metrics").send().await.expect_error(404, "not_found");
}
