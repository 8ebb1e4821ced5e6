//! CORS of portal sessions: which pages may ask, and which may read the answer.

use super::portal::{ORIGIN, session};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::{Backend, Server, Tenant, tests};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

tests![
    a_preflight_at_the_key_endpoints_is_granted_to_every_origin,
    an_answer_is_readable_for_pages_of_the_sessions_origins_only,
    configured_origins_go_on_beside_portal_sessions,
];

const ALLOWED: &str = "access-control-allow-origin";

async fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let request = server.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,content-type").send().await
}

async fn a_preflight_at_the_key_endpoints_is_granted_to_every_origin(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.workspace_path("/api-keys/key_01k4w5c9q2e0vb7m3t8z6r1xhd");
    let paths = [tenant.workspace_path("/api-keys"), format!("{key}/roll"), key, tenant.workspace_path("/usage")];
    for path in &paths {
        for origin in [ORIGIN, "http://localhost:3000"] {
            let granted = preflight(&server, path, origin).await.expect(204);
            assert_eq!(granted.header(ALLOWED), Some(origin));
            let headers = granted.header("access-control-allow-headers").unwrap_or_default();
            assert!(headers.contains("authorization") && headers.contains("idempotency-key"), "{headers}");
            assert!(granted.header("access-control-allow-methods").is_some_and(|all| all.contains("PATCH")));
            assert!(granted.header("access-control-allow-credentials").is_none() && granted.text.is_empty());
            assert!(granted.header("vary").is_some_and(|vary| vary.contains("Origin")));
        }
        for origin in ["null", "https://App.example.com", "https://app.example.com/", "https://*.example.com", "x"] {
            let refused = preflight(&server, path, origin).await.expect_error(401, "missing_credentials");
            assert!(refused.header(ALLOWED).is_none(), "{origin}");
        }
    }
    for path in ["/v1/me", "/v1/organizations", "/v1/keys/verify", &tenant.workspace_path(""), "/v1/nothing"] {
        assert!(preflight(&server, path, ORIGIN).await.header(ALLOWED).is_none(), "{path}");
    }
    // Without the header of a preflight it is a request like any other.
    let plain = server.request(Method::OPTIONS, &paths[0]).header("origin", ORIGIN).send().await;
    assert!(plain.expect(401).header(ALLOWED).is_none());
}

async fn an_answer_is_readable_for_pages_of_the_sessions_origins_only(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let session = session(&server, &tenant, &tenant.owner, json!({ "origins": [ORIGIN, "https://b.example"] })).await;
    let path = tenant.workspace_path("/api-keys");
    let get = async |token: &str, origin: Option<&str>| {
        let request = server.get(&path).bearer(token);
        origin.into_iter().fold(request, |request, origin| request.header("origin", origin)).send().await
    };
    for origin in [ORIGIN, "https://b.example"] {
        let read = get(&session, Some(origin)).await.expect(200);
        assert_eq!((read.header(ALLOWED), read.header("vary")), (Some(origin), Some("Origin")));
        assert!(read.header("access-control-expose-headers").is_some_and(|all| all.contains("x-request-id")));
        assert!(read.header("access-control-allow-credentials").is_none());
    }
    // No page of another site asks without an origin.
    assert!(get(&session, None).await.expect(200).header(ALLOWED).is_none());
    let before = dump(&server.database);
    for origin in ["https://evil.example", "null", "https://app.example.com.evil.example", "https://APP.example.com"] {
        let refused = get(&session, Some(origin)).await.expect_error(403, "credential_not_accepted");
        assert!(refused.header(ALLOWED).is_none(), "{origin}");
        let write = server.post(&path).bearer(&session).header("origin", origin).json(json!({})).send().await;
        write.expect_error(403, "credential_not_accepted");
    }
    let twice = server.get(&path).bearer(&session).header("origin", ORIGIN).header("origin", "https://b.example");
    twice.send().await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    // An ID token grants nothing, nor does no token.
    assert!(get(&tenant.owner.id_token, Some(ORIGIN)).await.expect(200).header(ALLOWED).is_none());
    let nobody = server.get(&path).header("origin", ORIGIN).send().await.expect_error(401, "missing_credentials");
    assert!(nobody.header(ALLOWED).is_none());
    // The page may read why it is refused.
    let missing = server.get(&format!("{path}/key_01k4w5c9q2e0vb7m3t8z6r1xhd")).bearer(&session);
    let missing = missing.header("origin", ORIGIN).send().await.expect_error(404, "not_found");
    assert_eq!(missing.header(ALLOWED), Some(ORIGIN));
    server.clock.advance(Duration::from_secs(601));
    let expired = get(&session, Some(ORIGIN)).await.expect_error(401, "portal_session_expired");
    assert_eq!(expired.header(ALLOWED), Some(ORIGIN));
}

async fn configured_origins_go_on_beside_portal_sessions(db: Backend) {
    const ADMIN: &str = "https://admin.example.com";
    let server = Server::with(db, |config| config.server.cors_origins = vec![ADMIN.to_owned()]).await;
    let tenant = Tenant::new(&server).await;
    let session = session(&server, &tenant, &tenant.owner, json!({})).await;
    let path = tenant.workspace_path("/api-keys");
    let configured = preflight(&server, &path, ADMIN).await.expect(200);
    assert_eq!(configured.header(ALLOWED), Some(ADMIN));
    assert_eq!(preflight(&server, &path, ORIGIN).await.expect(204).header(ALLOWED), Some(ORIGIN));
    assert!(preflight(&server, "/v1/me", ORIGIN).await.header(ALLOWED).is_none());
    let read = server.get(&path).bearer(&session).header("origin", ORIGIN).send().await.expect(200);
    assert_eq!(read.header(ALLOWED), Some(ORIGIN));
    let page = server.get(&path).bearer(&tenant.owner.id_token).header("origin", ADMIN).send().await.expect(200);
    assert_eq!(page.header(ALLOWED), Some(ADMIN));
    // A configured page has no session that was made for another one.
    let other = server.get(&path).bearer(&session).header("origin", ADMIN).send().await;
    other.expect_error(403, "credential_not_accepted");
}
