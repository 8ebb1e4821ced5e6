//! Portal sessions: what they are made of, what they keep of their member, and how they end.

use crate::audit::trail;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::{EVERYTHING, User, backend_token};
use crate::support::{Backend, Server, Tenant, process, secrets, tests};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

tests![
    a_session_is_no_id_token_and_an_id_token_is_no_session,
    what_can_not_be_a_session_is_refused_and_records_nothing,
    a_session_has_what_its_member_has_now,
    a_narrowed_session_gives_keys_no_more_than_it_has,
    a_server_without_the_built_in_provider_makes_sessions,
    what_a_session_does_is_in_the_trail_with_its_member,
];

pub const ORIGIN: &str = "https://app.example.com";

/// Asks for a session of this member, with further fields.
pub async fn ask(server: &Server, tenant: &Tenant<'_>, token: &str, member: &str, more: Value) -> Answer {
    let mut body = json!({
        "userId": member, "workspaceId": tenant.workspace_id, "ttlSeconds": 600, "origins": [ORIGIN],
    });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    server.post("/v1/portal-sessions").bearer(token).json(body).send().await
}

/// A session of this member.
pub async fn session(server: &Server, tenant: &Tenant<'_>, member: &User, more: Value) -> String {
    let token = backend_token(&server.database, "keys:write", &[]).await;
    let made = ask(server, tenant, &token, &member.user_id, more).await.expect(201).text_at("/token");
    secrets::register(&made);
    made
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// The same token with another header.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').expect("three parts");
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

async fn a_session_is_no_id_token_and_an_id_token_is_no_session(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let session = session(&server, &tenant, &tenant.owner, json!({})).await;
    let id_token = &tenant.owner.id_token;
    let (ours, theirs) = (part(&session, 0), part(id_token, 0));
    assert_eq!((&ours["typ"], &theirs["typ"]), (&json!("portal+jwt"), &json!("JWT")));
    assert_eq!(ours["kid"], theirs["kid"], "the same key, so only the kind tells them apart");
    for claim in ["iss", "aud"] {
        assert_ne!(part(&session, 1)[claim], part(id_token, 1)[claim]);
    }
    let keys = tenant.workspace_path("/api-keys");
    server.get(&keys).bearer(&session).send().await.expect(200);
    server.get("/v1/me").bearer(&session).send().await.expect_error(403, "credential_not_accepted");
    let tampered = [
        (with_header(&session, &theirs), "invalid_id_token"),
        (with_header(id_token, &ours), "invalid_portal_session"),
        (with_header(&session, &json!({ "alg": "none", "typ": "portal+jwt", "kid": ours["kid"] })), "invalid_"),
        (with_header(&session, &json!({ "alg": "RS256", "typ": "portal+jwt" })), "invalid_portal_session"),
        (format!("{}x", &session[..session.len() - 1]), "invalid_portal_session"),
    ];
    for (token, code) in tampered {
        for path in [keys.as_str(), "/v1/me", "/v1/organizations"] {
            let refused = server.get(path).bearer(&token).send().await.expect(401);
            assert!(refused.text_at("/error/code").starts_with(code), "{path}: {}", refused.text);
        }
    }
    // Firebase's endpoints take ID tokens only.
    let lookup = server.post("/identitytoolkit.googleapis.com/v1/accounts:lookup?key=test");
    lookup.json(json!({ "idToken": session })).send().await.expect(400);
}

async fn what_can_not_be_a_session_is_refused_and_records_nothing(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let viewer = tenant.add_to_workspace("viewer").await;
    let outsider = tenant.add_member("member", &[]).await;
    let disabled = tenant.add_to_workspace("editor").await;
    process::run(&server.database, &["user", "disable", &disabled.email]).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let before = dump(&server.database);
    let origins = |origins: Value| json!({ "origins": origins });
    let many: Vec<String> = (0..21).map(|place| format!("https://a{place}.example")).collect();
    let rows = [
        (json!({ "ttlSeconds": 0 }), "ttlSeconds"),
        (json!({ "ttlSeconds": 3601 }), "ttlSeconds"),
        (json!({ "ttlSeconds": -1 }), "ttlSeconds"),
        (origins(json!([])), "origins"),
        (origins(json!(many)), "origins"),
        (origins(json!(["https://app.example.com/"])), "origins[0]"),
        (origins(json!(["https://App.example.com"])), "origins[0]"),
        (origins(json!(["https://*.example.com"])), "origins[0]"),
        (origins(json!(["https://app.example.com:443"])), "origins[0]"),
        (origins(json!(["null"])), "origins[0]"),
        (origins(json!([ORIGIN, ORIGIN])), "origins[1]"),
        (json!({ "permissions": [] }), "permissions"),
        (json!({ "permissions": ["keys:everything"] }), "permissions[0]"),
        (json!({ "permissions": ["organization:manage"] }), "permissions[0]"),
        (json!({ "permissions": ["keys:own", "keys:own"] }), "permissions[1]"),
        (json!({ "permissions": ["keys:own", "keys:manage"] }), "permissions[1]"),
        (json!({ "userId": outsider.user_id }), "userId"),
        (json!({ "userId": disabled.user_id }), "userId"),
        (json!({ "userId": globex.owner.user_id }), "userId"),
        (json!({ "userId": "usr_01k4w5c9q2e0vb7m3t8z6r1xhd" }), "userId"),
        (json!({ "keyId": 1 }), "keyId"),
    ];
    for (more, field) in rows {
        let refused = ask(&server, &tenant, &token, &viewer.user_id, more.clone()).await;
        let refused = refused.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{more}: {}", refused.text);
    }
    let nowhere = json!({ "workspaceId": "ws_01k4w5c9q2e0vb7m3t8z6r1xhd" });
    ask(&server, &tenant, &token, &viewer.user_id, nowhere).await.expect_error(404, "not_found");
    let bound = backend_token(&server.database, EVERYTHING, &["--organization", &globex.organization_id]).await;
    ask(&server, &tenant, &bound, &viewer.user_id, json!({})).await.expect_error(404, "not_found");
    let less = backend_token(&server.database, "keys:read,members:write", &[]).await;
    ask(&server, &tenant, &less, &viewer.user_id, json!({})).await.expect_error(403, "insufficient_permission");
    let before_tokens = before;
    let mut after = dump(&server.database);
    after.insert("service_tokens".to_owned(), before_tokens["service_tokens"].clone());
    assert!(after == before_tokens, "a refusal has changed something");
}

async fn a_session_has_what_its_member_has_now(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_to_workspace("admin").await;
    let own = tenant.create_key(&member, json!({})).await;
    tenant.create_key(&tenant.owner, json!({})).await;
    let session = session(&server, &tenant, &member, json!({})).await;
    let seen = async || {
        let listed = server.get(&tenant.workspace_path("/api-keys")).bearer(&session).send().await.expect(200);
        listed["data"].as_array().expect("keys").iter().map(|key| key["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen().await.len(), 2);
    let path = tenant.workspace_path(&format!("/members/{}", member.user_id));
    let demote = server.put(&path).bearer(&tenant.owner.id_token).json(json!({ "role": "viewer" }));
    demote.send().await.expect(200);
    assert_eq!(seen().await, [json!(own.id)]);
    let made = server.post(&tenant.workspace_path("/api-keys")).bearer(&session).json(json!({})).send().await;
    assert_eq!(made.expect(201)["role"], "viewer");
    process::run(&server.database, &["user", "disable", &member.email]).await;
    let refused = server.get(&tenant.workspace_path("/api-keys")).bearer(&session).send().await;
    refused.expect_error(401, "invalid_portal_session");
}

async fn a_narrowed_session_gives_keys_no_more_than_it_has(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_to_workspace("admin").await;
    let unlimited = tenant.create_key(&admin, json!({})).await;
    let narrowed = session(&server, &tenant, &admin, json!({ "permissions": ["keys:own"] })).await;
    let path = tenant.workspace_path("/api-keys");
    let made = server.post(&path).bearer(&narrowed).json(json!({})).send().await.expect(201);
    assert_eq!(made["role"], "editor");
    let own = ["workspace:read", "members:read", "content:read", "content:write", "keys:own"];
    assert_eq!(made["permissions"], json!(own));
    let before = dump(&server.database);
    let roll = server.post(&tenant.key_path(&unlimited, "/roll")).bearer(&narrowed).send().await;
    roll.expect_error(403, "insufficient_permission");
    let transfer = json!({ "userId": tenant.owner.user_id });
    let transfer = server.post(&tenant.key_path(&unlimited, "/transfer")).bearer(&narrowed).json(transfer).send().await;
    transfer.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    // To take away is no gift.
    server.post(&tenant.key_path(&unlimited, "/revoke")).bearer(&narrowed).send().await.expect(200);
}

async fn a_server_without_the_built_in_provider_makes_sessions(db: Backend) {
    let server = Server::with(db, |config| config.identity.builtin = false).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let call = async |path: &str, body: Value| server.post(path).bearer(&token).json(body).send().await.expect(201);
    let user = server.put("/v1/users").bearer(&token).json(json!({ "issuer": "external", "subject": "1" }));
    let user = user.send().await.expect(200).text_at("/id");
    let tenant = call("/v1/organizations", json!({ "name": "Acme", "owner": { "subject": "1" } })).await.text_at("/id");
    let place = format!("/v1/organizations/{tenant}/workspaces");
    let workspace = call(&place, json!({ "name": "Production" })).await.text_at("/id");
    let body = json!({ "userId": user, "workspaceId": workspace, "ttlSeconds": 60, "origins": [ORIGIN] });
    let made = call("/v1/portal-sessions", body).await;
    let session = made.text_at("/token");
    secrets::register(&session);
    let keys = format!("/v1/workspaces/{workspace}/api-keys");
    let other = server.another(|_| {}).await;
    let key = other.post(&keys).bearer(&session).header("origin", ORIGIN).json(json!({})).send().await.expect(201);
    assert_eq!(key["createdBy"], json!(user));
    server.get("/.well-known/jwks.json").send().await.expect(404);
}

async fn what_a_session_does_is_in_the_trail_with_its_member(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_to_workspace("editor").await;
    let session = session(&server, &tenant, &member, json!({})).await;
    server.post(&tenant.workspace_path("/api-keys")).bearer(&session).json(json!({})).send().await.expect(201);
    let events = trail(&server.database, &tenant.organization_id);
    let [.., session, key] = &events[..] else { panic!("{events:#?}") };
    assert_eq!(
        (&session["action"], &session["target"]["id"]),
        (&json!("portal_session.created"), &json!(member.user_id))
    );
    assert_eq!((&key["action"], &key["onBehalfOf"]), (&json!("api_key.created"), &json!(member.user_id)));
    assert_eq!((&key["actor"], &key["actor"]["kind"]), (&session["actor"], &json!("service")));
}
