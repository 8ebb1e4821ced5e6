//! Soku: keys `sk_live_` and 32, a header of its own, two codes, and the subscription gate.

use super::{curl, server};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::is_timestamp;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};

tests![
    sokus_documented_request_makes_a_post,
    sokus_key_works_in_its_own_header_and_as_a_bearer_and_in_no_other,
    soku_answers_a_missing_a_wrong_and_a_revoked_key_as_documented,
    soku_refuses_every_subscription_that_is_not_active_as_documented,
    sokus_request_id_is_in_the_header_and_in_the_error,
    sokus_keys_have_the_documented_form_and_preview,
    sokus_key_is_listed_with_name_preview_date_and_status,
    sokus_revocation_is_permanent_and_takes_effect_at_once,
    sokus_keys_are_managed_with_id_tokens_and_not_with_keys,
    every_member_makes_keys_at_soku,
    soku_takes_json_alone,
];

const POST: &str = r#"curl -X POST https://api.mysoku.io/v1/posts \
  -H "Content-Type: application/json" \
  -H "soku-api-key: sk_live_your_api_key_here" \
  -d '{
    "post": {
      "content": {
        "text": "Hello from the API",
        "mediaType": "text",
        "platform": ["threads"]
      }
    }
  }'"#;

const HEADER: &str = r#"-H "soku-api-key: sk_live_your_api_key_here""#;

/// The documented request, with another header for the key.
async fn post(server: &Server, header: &str) -> curl::Printed {
    curl::run(server, POST, &[("https://api.mysoku.io", &server.url("")), (HEADER, header)]).await
}

fn own_header(key: &str) -> String {
    format!(r#"-H "soku-api-key: {key}""#)
}

/// The documented body of an error: code, message, a time in UTC with milliseconds, and the request's id.
fn assert_documented(printed: &curl::Printed, status: u16, code: &str, message: &str) {
    assert_eq!(printed.status, status, "{printed:?}");
    let error = printed.body["error"].as_object().expect("an error");
    let names: Vec<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "message", "requestId", "timestamp"]);
    assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(message)));
    assert!(error["timestamp"].as_str().is_some_and(is_timestamp));
    assert!(error["requestId"].as_str().is_some_and(|id| id.starts_with("req_")));
}

async fn sokus_documented_request_makes_a_post(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Production Server" })).await;
    let made = post(&server, &own_header(&key.plaintext)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let content = json!({ "text": "Hello from the API", "mediaType": "text", "platform": ["threads"] });
    assert_eq!(made.body["content"], content);
    let id = made.body["id"].as_str().expect("an id");
    let read = server.get(&format!("/v1/posts/{id}")).header("soku-api-key", &key.plaintext).send().await.expect(200);
    assert_eq!(read.body, made.body);
}

async fn sokus_key_works_in_its_own_header_and_as_a_bearer_and_in_no_other(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let bearer = format!(r#"-H "Authorization: Bearer {}""#, key.plaintext);
    assert_eq!(post(&server, &own_header(&key.plaintext)).await.status, 201);
    assert_eq!(post(&server, &bearer).await.status, 201);
    let before = dump(&server.database);
    let printed = post(&server, &format!(r#"-H "x-api-key: {}""#, key.plaintext)).await;
    assert_documented(&printed, 401, "unauthorized", "Invalid or missing API key.");
    assert_unchanged(&before, &server.database);
}

async fn soku_answers_a_missing_a_wrong_and_a_revoked_key_as_documented(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let revoked = tenant.create_key(&tenant.owner, json!({})).await;
    let disabled = tenant.create_key(&tenant.owner, json!({})).await;
    for (key, how) in [(&revoked, "/revoke"), (&disabled, "/disable")] {
        server.post(&tenant.key_path(key, how)).bearer(&tenant.owner.id_token).send().await.expect(200);
    }
    let truncated = &revoked.plaintext[..revoked.plaintext.len() - 1];
    let before = dump(&server.database);
    for header in [
        String::new(),
        own_header("sk_live_your_api_key_here"),
        own_header(&revoked.plaintext),
        own_header(&disabled.plaintext),
        own_header(truncated),
        own_header(&revoked.plaintext["sk_live_".len()..]),
        r#"-H "Authorization: Basic x""#.to_owned(),
    ] {
        let printed = post(&server, &header).await;
        assert_documented(&printed, 401, "unauthorized", "Invalid or missing API key.");
    }
    assert_unchanged(&before, &server.database);
}

async fn soku_refuses_every_subscription_that_is_not_active_as_documented(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for (status, allowed) in [
        ("trialing", true),
        ("active", true),
        ("canceled", false),
        ("expired", false),
        ("past_due", false),
        ("active", true),
    ] {
        process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", status]).await;
        let before = dump(&server.database);
        let printed = post(&server, &own_header(&key.plaintext)).await;
        if allowed {
            assert_eq!(printed.status, 201, "{status}");
        } else {
            let message = "An active subscription is required to access the API.";
            assert_documented(&printed, 403, "forbidden", message);
            assert_unchanged(&before, &server.database);
        }
    }
}

async fn sokus_request_id_is_in_the_header_and_in_the_error(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let good = post(&server, &own_header(&key.plaintext)).await;
    assert!(good.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    let bad = post(&server, "").await;
    assert_eq!(bad.header("x-request-id"), bad.body["error"]["requestId"].as_str());
    assert_ne!(good.header("x-request-id"), bad.header("x-request-id"));
}

async fn sokus_keys_have_the_documented_form_and_preview(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let rest = key.plaintext.strip_prefix("sk_live_").expect("the prefix");
    assert_eq!(rest.len(), 32);
    assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(key.body["preview"], format!("sk_live_{}...{}", &rest[..3], &rest[29..]));
}

async fn sokus_key_is_listed_with_name_preview_date_and_status(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Zapier Integration" })).await;
    let list = async || {
        let request = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
        request.send().await.expect(200)
    };
    let listed = list().await;
    let shown = &listed.body["data"][0];
    let fields = ["name", "preview", "createdAt"];
    assert!(fields.iter().all(|field| shown[field] == key.body[field]), "{shown}");
    assert_eq!(shown["status"], "active");
    assert!(!listed.text.contains(&key.plaintext));
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(list().await.body["data"][0]["status"], "revoked");
    // What is stored is the SHA-256, not the key.
    let everything: String = dump(&server.database).into_values().collect();
    assert!(!everything.contains(&key.plaintext));
}

async fn sokus_revocation_is_permanent_and_takes_effect_at_once(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(post(&server, &own_header(&key.plaintext)).await.status, 201);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(post(&server, &own_header(&key.plaintext)).await.status, 401);
    let before = dump(&server.database);
    for how in ["/enable", "/roll"] {
        server.post(&tenant.key_path(&key, how)).bearer(&tenant.owner.id_token).send().await.expect(409);
    }
    assert_unchanged(&before, &server.database);
    assert_eq!(post(&server, &own_header(&key.plaintext)).await.status, 401);
}

async fn sokus_keys_are_managed_with_id_tokens_and_not_with_keys(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let path = tenant.workspace_path("/api-keys");
    let before = dump(&server.database);
    for request in [server.get(&path), server.post(&path).json(json!({})), server.delete(&tenant.key_path(&key, ""))] {
        let refused = request.header("soku-api-key", &key.plaintext).send().await.expect(403);
        assert_eq!(refused.body["error"]["code"], "forbidden");
    }
    assert_unchanged(&before, &server.database);
    server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
}

async fn every_member_makes_keys_at_soku(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({ "name": "CI Pipeline" })).await;
    assert_eq!((&key.body["scope"], &key.body["role"]), (&json!("full"), &json!("viewer")));
    // Each environment has a key of its own, revoked alone.
    let other = tenant.create_key(&viewer, json!({ "name": "Staging" })).await;
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&viewer.id_token).send().await.expect(200);
    server.get("/v1/posts").header("soku-api-key", &other.plaintext).send().await.expect(200);
}

async fn soku_takes_json_alone(db: Backend) {
    let server = server(db, "soku").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let before = dump(&server.database);
    for media in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = server.post("/v1/posts").header("soku-api-key", &key.plaintext).header("content-type", media);
        request.body(r#"{"post":{"content":{"text":"x"}}}"#).send().await.expect(415);
    }
    let bad =
        server.post("/v1/posts").header("soku-api-key", &key.plaintext).json(json!({ "post": { "content": {} } }));
    let details: Value = bad.send().await.expect(422).body["error"]["details"].clone();
    assert_eq!(details[0]["field"], "/post/content/text");
    assert_unchanged(&before, &server.database);
}
