//! What is true of every request: ids, error styles, CORS, credentials, malformed requests.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::raw::raw;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::error::style::Style;
use serde_json::{Value, json};

tests![
    every_answer_has_a_request_id_of_its_own,
    an_inbound_request_id_is_not_trusted,
    errors_come_in_the_configured_style,
    configured_words_replace_single_codes,
    the_base_path_is_configured,
    pages_of_configured_origins_may_call_on_errors_too,
    each_malformed_credential_has_its_own_answer,
    a_read_only_key_is_refused_wherever_something_would_change,
    a_large_body_is_refused_before_and_while_it_is_read,
    requests_that_are_hardly_http_change_nothing,
    docs_and_document_are_served,
];

async fn every_answer_has_a_request_id_of_its_own(db: Backend) {
    let server = Server::start(db).await;
    let mut ids = Vec::new();
    for path in ["/healthz", "/readyz", "/v1/me", "/nothing", "/v1/nothing", "/openapi.json", "/docs/", "/docs"] {
        let answer = server.get(path).send().await;
        ids.push(answer.header("x-request-id").expect("an id").to_owned());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

async fn an_inbound_request_id_is_not_trusted(db: Backend) {
    let server = Server::start(db).await;
    let answer = server.get("/v1/me").header("x-request-id", "req_mine").send().await;
    assert_ne!(answer.expect_error(401, "missing_credentials").header("x-request-id"), Some("req_mine"));
}

async fn errors_come_in_the_configured_style(db: Backend) {
    let server = Server::start(db).await;
    let styled = async |style: Style| {
        let node = server.another(|config| config.errors.style = style).await;
        let answer = node.get("/v1/me").send().await.expect(401);
        (
            answer.header("content-type").expect("a type").to_owned(),
            answer.header("x-request-id").map(str::to_owned),
            answer.body,
        )
    };
    let (kind, _, body) = styled(Style::Flat).await;
    assert_eq!((kind.as_str(), body.as_object().expect("an object").len()), ("application/json", 1));
    assert!(body["error"].as_str().is_some_and(|text| text.starts_with("No credentials")));
    let (_, _, body) = styled(Style::Titled).await;
    assert_eq!(body["error"], "Missing credentials");
    assert!(body["message"].is_string());
    let (kind, id, body) = styled(Style::Problem).await;
    assert_eq!(kind, "application/problem+json");
    assert_eq!((&body["status"], &body["code"]), (&json!(401), &json!("missing_credentials")));
    assert_eq!(body["requestId"].as_str(), id.as_deref());
}

async fn configured_words_replace_single_codes(db: Backend) {
    let server = Server::with(db, |config| {
        let code = serde_json::from_value(json!("missing_credentials")).expect("a code");
        config.errors.codes.insert(code, "unauthorized".into());
        config.errors.messages.insert(code, "Invalid or missing API key.".into());
    });
    let answer = server.await.get("/v1/whoami").send().await.expect_error(401, "unauthorized");
    assert_eq!(answer["error"]["message"], "Invalid or missing API key.");
}

async fn the_base_path_is_configured(db: Backend) {
    let server = Server::start(db).await;
    let moved = server.another(|config| config.server.base_path = "/api/v2".into()).await;
    let user = User::sign_up(&server).await;
    moved.get("/api/v2/me").bearer(&user.id_token).send().await.expect(200);
    moved.get("/v1/me").bearer(&user.id_token).send().await.expect_error(404, "not_found");
    let document = moved.get("/openapi.json").send().await.expect(200);
    assert!(document["paths"]["/api/v2/me"].is_object());
}

async fn pages_of_configured_origins_may_call_on_errors_too(db: Backend) {
    const ORIGIN: &str = "https://admin.example.com";
    let server = Server::with(db, |config| config.server.cors_origins = vec![ORIGIN.into()]).await;
    let preflight = server.request("OPTIONS".parse().expect("a method"), "/v1/organizations");
    let preflight = preflight
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key,x-firebase-gmpid");
    let preflight = preflight.send().await.expect(200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(ORIGIN));
    for path in ["/v1/me", "/nothing"] {
        let refused = server.get(path).header("origin", ORIGIN).send().await;
        assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
        let stranger = server.get(path).header("origin", "https://evil.example").send().await;
        assert_eq!(stranger.header("access-control-allow-origin"), None);
    }
}

async fn each_malformed_credential_has_its_own_answer(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let typo = format!("{}{}", &key[..key.len() - 1], if key.ends_with('a') { "b" } else { "a" });
    let rows = [
        ("", "invalid_authorization_format"),
        ("Bearer", "invalid_authorization_format"),
        ("Bearer ", "invalid_authorization_format"),
        ("Basic dXNlcjpwYXNz", "invalid_authorization_format"),
        (&format!("Token {key}"), "invalid_authorization_format"),
        (&format!("Bearer {key} {key}"), "invalid_authorization_format"),
        (&format!("Bearer {key},"), "invalid_authorization_format"),
        ("Bearer nonsense", "invalid_api_key"),
        (&format!("Bearer {typo}"), "invalid_api_key"),
        (&format!("Bearer {}", key.to_uppercase()), "invalid_api_key"),
        ("Bearer a.b.c", "invalid_id_token"),
    ];
    for (value, code) in rows {
        server.get("/v1/whoami").header("authorization", value).send().await.expect_error(401, code);
    }
    server.get("/v1/whoami").header("authorization", &format!("bearer  {key}")).send().await.expect(200);
    server.get("/v1/whoami").header("x-api-key", &typo).send().await.expect_error(401, "invalid_api_key");
}

async fn a_read_only_key_is_refused_wherever_something_would_change(db: Backend) {
    let server = Server::with(db, |config| config.keys.manage_with_keys = true).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"scope": "read_only"})).await;
    let document = server.get("/openapi.json").send().await.expect(200);
    let before = dump(&server.database);
    let mut tried = 0;
    for (template, item) in document["paths"].as_object().expect("paths") {
        let path = template
            .replace("{organizationId}", &tenant.organization_id)
            .replace("{workspaceId}", &tenant.workspace_id)
            .replace("{keyId}", &key.id)
            .replace("{userId}", &tenant.owner.user_id)
            .replace("{invitationId}", "inv_01k4w5c9q2e0vb7m3t8z6r1xhd");
        for method in ["post", "put", "patch", "delete"] {
            // Whoever holds a key may end it, a read-only one too: `api_keys::revocation::holder`.
            if !path.starts_with("/v1/") || item[method].is_null() || path == "/v1/whoami/revoke" {
                continue;
            }
            let request = server.request(method.to_uppercase().parse().expect("a method"), &path);
            let answer = request.bearer(&key.plaintext).json(json!({})).send().await.expect(403);
            let code = answer["error"]["code"].as_str();
            let about_keys = path.contains("/api-keys") && !path.ends_with("/transfer");
            let expected = if about_keys { "read_only_key" } else { code.expect("a code") };
            assert!(
                code == Some(expected) && (about_keys || code != Some("insufficient_permission")),
                "{path}: {code:?}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 15, "only {tried} writes in the document");
    assert_unchanged(&before, &server.database);
}

async fn a_large_body_is_refused_before_and_while_it_is_read(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    let body = json!({"name": "x".repeat(2_000_000)}).to_string();
    let declared = server.post("/v1/organizations").bearer(&user.id_token).header("content-type", "application/json");
    declared.body(body.clone()).send().await.expect_error(413, "body_too_large");
    let mut chunked = format!(
        "POST /v1/organizations HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        user.id_token
    );
    for chunk in body.as_bytes().chunks(65_536) {
        chunked.push_str(&format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
    }
    let (status, _, answer) = raw(&server, chunked + "0\r\n\r\n").await;
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (413, &json!("body_too_large")));
    assert_unchanged(&before, &server.database);
}

async fn requests_that_are_hardly_http_change_nothing(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let token = &user.id_token;
    let head = "Host: a\r\nConnection: close\r\n";
    let with_token = format!("{head}Authorization: Bearer {token}\r\n");
    let json = "Content-Type: application/json\r\nContent-Length: 12\r\n";
    let rows: Vec<(Vec<u8>, u16)> = vec![
        (format!("GET /v1/me HTTP/1.1\r\n{with_token}Authorization: Bearer {token}\r\n\r\n").into(), 400),
        (format!("GET /v1/me HTTP/1.1\r\n{with_token}X-API-Key: a\r\nX-API-Key: b\r\n\r\n").into(), 400),
        (format!("POST /v1/organizations HTTP/1.1\r\n{with_token}{json}Content-Type: text/plain\r\n\r\n{{\"name\":\"A\"}}").into(), 400),
        (format!("GET /v1/me HTTP/1.1\r\n{with_token}X-Large: {}\r\n\r\n", "a".repeat(100_000)).into(), 400),
        ([b"GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer \xff\xfe\r\n\r\n".as_slice()].concat(), 401),
        ([b"GET /v1/organizations/\xff\xfe HTTP/1.1\r\n", with_token.as_bytes(), b"\r\n"].concat(), 400),
        ([b"POST /v1/organizations HTTP/1.1\r\n", with_token.as_bytes(), json.as_bytes(), b"\r\n{\"name\":\"\xff\"}"].concat(), 400),
        (format!("GET /v1/organizations/%00 HTTP/1.1\r\n{with_token}\r\n").into(), 400),
        (format!("GET /v1/organizations/%FF HTTP/1.1\r\n{with_token}\r\n").into(), 400),
        (format!("GET /v1/../v1/me HTTP/1.1\r\n{with_token}\r\n").into(), 404),
        (b"nonsense\r\n\r\n".to_vec(), 400),
    ];
    let before = dump(&server.database);
    for (request, expected) in rows {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let (status, _, body) = raw(&server, request).await;
        assert_eq!(status.as_u16(), expected, "{shown}: {}", String::from_utf8_lossy(&body));
    }
    assert_unchanged(&before, &server.database);
}

async fn docs_and_document_are_served(db: Backend) {
    let server = Server::start(db).await;
    let page = server.get("/docs/").send().await.expect(200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let file = server.get(&format!("/docs/{file}")).send().await.expect(200);
        assert!(!file.text.contains("https://unpkg.com"), "the page loads something from elsewhere");
    }
    let redirect = server.get("/docs").send().await.expect(308);
    assert_eq!(redirect.header("location"), Some("/docs/"));
    for (path, version) in [("/openapi.json", "3.1.0"), ("/openapi-3.0.json", "3.0.3")] {
        let document = server.get(path).send().await.expect(200);
        assert_eq!(document["openapi"], version);
        assert_eq!(document.header("content-type"), Some("application/json"));
    }
}
