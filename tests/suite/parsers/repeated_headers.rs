//! A header that decides something is refused when it comes twice, by every route, and nothing has happened then.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::raw::raw;
use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::infra::http::DecidingHeader;
use serde_json::{Value, json};

tests![
    a_deciding_header_is_refused_twice_by_every_kind_of_route,
    a_configured_header_for_keys_is_refused_twice,
    other_headers_may_come_twice,
];

/// A value with which the request would pass, were it alone.
fn harmless(header: DecidingHeader, workspace: &str, credential: &str, length: usize) -> String {
    match header {
        DecidingHeader::Authorization => format!("Bearer {credential}"),
        DecidingHeader::ContentLength => length.to_string(),
        DecidingHeader::ContentType => "application/json".to_owned(),
        DecidingHeader::Host => "keyward".to_owned(),
        DecidingHeader::WorkspaceId => workspace.to_owned(),
        DecidingHeader::IfMatch | DecidingHeader::IfNoneMatch => "\"1\"".to_owned(),
        _ => "one".to_owned(),
    }
}

async fn a_deciding_header_is_refused_twice_by_every_kind_of_route(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let service = service_token(&server.database).await;
    let question = json!({ "key": key.plaintext }).to_string();
    let sign_in = json!({ "email": tenant.owner.email, "password": tenant.owner.password }).to_string();
    let keys = tenant.workspace_path("/api-keys");
    let routes = [
        ("GET", "/v1/whoami", &key.plaintext, ""),
        ("GET", "/v1/forward-auth", &key.plaintext, ""),
        ("POST", "/v1/whoami/revoke", &key.plaintext, ""),
        ("POST", "/v1/keys/verify", &service, question.as_str()),
        ("POST", "/v1/keys/revoke-leaked", &service, "[]"),
        ("POST", &*keys, &tenant.owner.id_token, "{}"),
        ("POST", "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", &service, sign_in.as_str()),
        ("GET", "/openapi.json", &service, ""),
    ];
    let before = dump(&server.database);
    for (method, path, credential, body) in routes {
        for header in DecidingHeader::ALL {
            let value = harmless(*header, &tenant.workspace_id, credential, body.len());
            let twice = format!("{}: {value}\r\n", header.name()).repeat(2);
            let usual = [
                (DecidingHeader::Host, "keyward".to_owned()),
                (DecidingHeader::ContentType, "application/json".to_owned()),
                (DecidingHeader::ContentLength, body.len().to_string()),
                (DecidingHeader::Authorization, format!("Bearer {credential}")),
            ];
            let others: String = usual
                .iter()
                .filter(|(usual, _)| usual != header)
                .map(|(usual, value)| format!("{}: {value}\r\n", usual.name()))
                .collect();
            let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{others}{twice}\r\n{body}");
            let (status, _, answer) = raw(&server, request).await;
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert_eq!(status, 400, "{method} {path} with two {}: {text}", header.name());
            // The framework itself refuses a second length or host.
            if !matches!(header, DecidingHeader::ContentLength | DecidingHeader::Host) {
                let answer: Value = serde_json::from_slice(&answer).expect("JSON");
                assert!(
                    answer["error"]["code"] == "bad_request" && text.contains(header.name().as_str()),
                    "{path}: {text}"
                );
            }
        }
    }
    assert_unchanged(&before, &server.database);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}

async fn a_configured_header_for_keys_is_refused_twice(db: Backend) {
    let server = Server::with(db, |config| config.keys.headers = vec!["Soku-Api-Key".into()]).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let ask = |path: &str| server.get(path).header("soku-api-key", &key);
    for path in ["/v1/whoami", "/v1/forward-auth"] {
        ask(path).send().await.expect(200);
        let twice = ask(path).header("Soku-Api-Key", &key).send().await.expect_error(400, "bad_request");
        assert!(twice.text.contains("soku-api-key"), "{}", twice.text);
        // A header that is none for keys here belongs to the API behind, however often it comes.
        ask(path).header("x-api-key", "one").header("x-api-key", "two").send().await.expect(200);
    }
}

async fn other_headers_may_come_twice(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    for name in ["accept", "x-forwarded-for", "forwarded", "x-request-id", "traceparent", "cookie"] {
        let request = server.get("/v1/whoami").bearer(&key).header(name, "one").header(name, "two");
        request.send().await.expect(200);
    }
}
