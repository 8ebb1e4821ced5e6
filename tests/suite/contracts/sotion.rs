//! Sotion: bearer keys `so_…`, flat errors, a "Revoke" that can be taken back.

use super::{curl, server};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    sotions_documented_request_lists_the_members,
    sotion_answers_a_missing_or_malformed_header_as_documented,
    sotion_answers_a_revoked_a_deleted_and_a_rolled_key_alike,
    sotions_key_is_renamed_rolled_revoked_for_a_time_and_deleted,
    sotions_key_is_shown_once_and_its_name_is_optional,
    sotions_limit_on_active_keys_says_to_revoke_or_delete_some,
    sotions_keys_are_made_by_admins,
    sotion_has_no_subscription_gate,
];

const MEMBERS: &str = r#"curl -X GET https://api.sotion.so/v1/members \
  -H "Authorization: Bearer so_your_api_key_here""#;

async fn members(server: &Server, key: &str) -> curl::Printed {
    curl::run(server, MEMBERS, &[("https://api.sotion.so", &server.url("")), ("so_your_api_key_here", key)]).await
}

async fn refused(server: &Server, key: &Key) {
    let printed = members(server, &key.plaintext).await;
    assert_eq!((printed.status, printed.body), (401, json!({ "error": "Invalid API key" })));
}

async fn sotions_documented_request_lists_the_members(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Zapier" })).await;
    assert!(key.plaintext.starts_with("so_"));
    let printed = members(&server, &key.plaintext).await;
    assert_eq!(printed.status, 200);
    assert_eq!(printed.body["data"][0]["email"], tenant.owner.email);
}

async fn sotion_answers_a_missing_or_malformed_header_as_documented(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let documented = json!({ "error": "Missing API key. Pass Authorization: Bearer so_..." });
    let (before, host) = (dump(&server.database), server.url(""));
    for header in ["", "-H \"Authorization: Basic x\"", &format!("-H \"Authorization: {}\"", key.plaintext)] {
        let whole = "-H \"Authorization: Bearer so_your_api_key_here\"";
        let printed = curl::run(&server, MEMBERS, &[("https://api.sotion.so", &host), (whole, header)]).await;
        assert_eq!((printed.status, &printed.body), (401, &documented), "{header}");
    }
    // The only header that carries a key.
    let other = server.get("/v1/members").header("x-api-key", &key.plaintext).send().await.expect(401);
    assert_eq!(other.body, documented);
    assert_unchanged(&before, &server.database);
}

async fn sotion_answers_a_revoked_a_deleted_and_a_rolled_key_alike(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    for how in ["/disable", "/revoke", "/roll", ""] {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        assert_eq!(members(&server, &key.plaintext).await.status, 200);
        let path = tenant.key_path(&key, how);
        let request = if how.is_empty() { server.delete(&path) } else { server.post(&path) };
        let done = request.bearer(&tenant.owner.id_token).send().await;
        assert!([200, 204].contains(&done.status), "{}", done.text);
        refused(&server, &key).await;
    }
    let printed = members(&server, "so_your_api_key_here").await;
    assert_eq!((printed.status, printed.body), (401, json!({ "error": "Invalid API key" })));
}

async fn sotions_key_is_renamed_rolled_revoked_for_a_time_and_deleted(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Old" })).await;
    let token = &tenant.owner.id_token;
    let rename = server.patch(&tenant.key_path(&key, "")).bearer(token).json(json!({ "name": "New" }));
    let renamed = rename.send().await.expect(200);
    assert_eq!((renamed.text_at("/name"), renamed.text_at("/id")), ("New".to_owned(), key.id.clone()));
    assert_eq!(members(&server, &key.plaintext).await.status, 200);

    let rolled = server.post(&tenant.key_path(&key, "/roll")).bearer(token).send().await.expect(200);
    assert_eq!((rolled.text_at("/id"), rolled.text_at("/name")), (key.id.clone(), "New".to_owned()));
    let value = rolled.text_at("/plaintext");
    refused(&server, &key).await;
    assert_eq!(members(&server, &value).await.status, 200);

    server.post(&tenant.key_path(&key, "/disable")).bearer(token).send().await.expect(200);
    assert_eq!(members(&server, &value).await.status, 401);
    let kept = server.get(&tenant.key_path(&key, "")).bearer(token).send().await.expect(200);
    assert_eq!(kept.text_at("/status"), "disabled");
    server.post(&tenant.key_path(&key, "/enable")).bearer(token).send().await.expect(200);
    assert_eq!(members(&server, &value).await.status, 200);

    server.delete(&tenant.key_path(&key, "")).bearer(token).send().await.expect(204);
    assert_eq!(members(&server, &value).await.status, 401);
    server.get(&tenant.key_path(&key, "")).bearer(token).send().await.expect(404);
}

async fn sotions_key_is_shown_once_and_its_name_is_optional(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(key.body["name"], json!(null));
    let list = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(list.body["data"][0]["id"], key.id);
    assert!(!list.text.contains(&key.plaintext) && list.body["data"][0].get("plaintext").is_none());
}

async fn sotions_limit_on_active_keys_says_to_revoke_or_delete_some(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let most = server.config.plan("free").max_active_keys;
    let mut keys = Vec::new();
    for _ in 0..most {
        keys.push(tenant.create_key(&tenant.owner, json!({})).await);
    }
    let path = tenant.workspace_path("/api-keys");
    let create = async || server.post(&path).bearer(&tenant.owner.id_token).json(json!({})).send().await;
    let before = dump(&server.database);
    let refused = create().await.expect(409);
    let documented = "Maximum active keys reached. Revoke or delete unused keys, then create a new one.";
    assert_eq!(refused.body, json!({ "error": documented }));
    assert_unchanged(&before, &server.database);
    // "Revoke" makes room, and so does deletion; taking it back needs room again.
    server.post(&tenant.key_path(&keys[0], "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    create().await.expect(201);
    let enable = server.post(&tenant.key_path(&keys[0], "/enable")).bearer(&tenant.owner.id_token);
    assert_eq!(enable.send().await.expect(409).body, json!({ "error": documented }));
    server.delete(&tenant.key_path(&keys[1], "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    create().await.expect(201);
}

async fn sotions_keys_are_made_by_admins(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let (editor, admin) = (tenant.add_to_workspace("editor").await, tenant.add_to_workspace("admin").await);
    let before = dump(&server.database);
    let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&editor.id_token).json(json!({}));
    create.send().await.expect(403);
    assert_unchanged(&before, &server.database);
    tenant.create_key(&admin, json!({})).await;
}

async fn sotion_has_no_subscription_gate(db: Backend) {
    let server = server(db, "sotion").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let set = ["subscription", "set", &tenant.organization_id, "--status", "canceled"];
    crate::support::process::run(&server.database, &set).await;
    assert_eq!(members(&server, &key.plaintext).await.status, 200);
}
