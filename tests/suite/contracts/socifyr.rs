//! Socifyr: keys `sk_` and hex digits, a header for the workspace, and keys that manage keys.

use super::{curl, server};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    socifyrs_documented_request_lists_content,
    socifyrs_key_is_for_its_own_workspace_alone,
    socifyrs_two_keys_are_valid_in_parallel_during_rotation,
    socifyrs_keys_list_create_and_delete_keys,
    socifyrs_key_is_shown_once_and_stored_hashed,
    socifyrs_key_has_its_creators_role_of_today,
    socifyr_shows_when_a_key_was_last_used,
    socifyrs_departed_teammates_keys_stop_at_once,
    every_member_makes_keys_at_socifyr,
    socifyr_keeps_content_and_connections,
];

const CONTENT: &str = r#"curl -H "Authorization: Bearer sk_..." \
     -H "X-Workspace-Id: <workspaceId>" \
     https://api.socifyr.com/api/content"#;

async fn content(server: &Server, key: &str, workspace: &str) -> curl::Printed {
    let own = [("https://api.socifyr.com", &*server.url("")), ("sk_...", key), ("<workspaceId>", workspace)];
    curl::run(server, CONTENT, &own).await
}

async fn socifyrs_documented_request_lists_content(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "label": "Production backend" })).await;
    assert_eq!(key.body["name"], "Production backend");
    let hex = key.plaintext.strip_prefix("sk_").expect("the prefix");
    assert!(
        hex.len() >= 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "{} digits",
        hex.len()
    );
    let id = tenant.add_document("/content", json!({ "title": "Launch" })).await;
    let printed = content(&server, &key.plaintext, &tenant.workspace_id).await;
    assert_eq!(printed.status, 200);
    assert_eq!((&printed.body["data"][0]["id"], &printed.body["data"][0]["title"]), (&json!(id), &json!("Launch")));
}

async fn socifyrs_key_is_for_its_own_workspace_alone(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let other = tenant.add_workspace("Other").await;
    let printed = content(&server, &key.plaintext, &other).await;
    assert_eq!((printed.status, &printed.body["error"]["code"]), (403, &json!("workspace_mismatch")));
}

async fn socifyrs_two_keys_are_valid_in_parallel_during_rotation(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let old = tenant.create_key(&tenant.owner, json!({ "label": "old" })).await;
    let new = tenant.create_key(&tenant.owner, json!({ "label": "new" })).await;
    for key in [&old, &new] {
        assert_eq!(content(&server, &key.plaintext, &tenant.workspace_id).await.status, 200);
    }
    server.delete(&tenant.key_path(&old, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    assert_eq!(content(&server, &old.plaintext, &tenant.workspace_id).await.status, 401);
    assert_eq!(content(&server, &new.plaintext, &tenant.workspace_id).await.status, 200);
}

async fn socifyrs_keys_list_create_and_delete_keys(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "label": "first" })).await;
    let path = tenant.workspace_path("/api-keys");
    let create = server.post(&path).bearer(&key.plaintext).json(json!({ "label": "CI bot" }));
    let made = create.send().await.expect(201);
    let plaintext = made.text_at("/plaintext");
    assert_eq!(
        (made.text_at("/name"), made.text_at("/createdBy")),
        ("CI bot".to_owned(), tenant.owner.user_id.clone())
    );
    let listed = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    let names: Vec<_> =
        listed.body["data"].as_array().expect("a list").iter().map(|key| key["name"].as_str()).collect();
    assert_eq!(names, [Some("CI bot"), Some("first")]);
    assert!(!listed.text.contains(&plaintext));
    assert_eq!(content(&server, &plaintext, &tenant.workspace_id).await.status, 200);
    let one = format!("{path}/{}", made.text_at("/id"));
    server.delete(&one).bearer(&key.plaintext).send().await.expect(204);
    assert_eq!(content(&server, &plaintext, &tenant.workspace_id).await.status, 401);
    server.get(&one).bearer(&key.plaintext).send().await.expect_error(404, "not_found");

    // Of its own workspace alone.
    let other = tenant.add_workspace("Other").await;
    let before = dump(&server.database);
    let elsewhere = server.post(&format!("/api/workspaces/{other}/api-keys")).bearer(&key.plaintext).json(json!({}));
    elsewhere.send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

async fn socifyrs_key_is_shown_once_and_stored_hashed(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(!shown.text.contains(&key.plaintext) && shown.body.get("plaintext").is_none());
    let everything: String = dump(&server.database).into_values().collect();
    assert!(!everything.contains(&key.plaintext));
}

async fn socifyrs_key_has_its_creators_role_of_today(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await;
    let write = async || server.post("/api/content").bearer(&key.plaintext).json(json!({ "title": "x" })).send().await;
    write().await.expect(201);
    let demote =
        server.put(&tenant.workspace_path(&format!("/members/{}", editor.user_id))).bearer(&tenant.owner.id_token);
    demote.json(json!({ "role": "viewer" })).send().await.expect(200);
    let before = dump(&server.database);
    write().await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    assert_eq!(content(&server, &key.plaintext, &tenant.workspace_id).await.status, 200);
}

async fn socifyr_shows_when_a_key_was_last_used(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(key.body["lastUsedAt"], json!(null));
    let now = server.clock.now().to_string();
    assert_eq!(content(&server, &key.plaintext, &tenant.workspace_id).await.status, 200);
    let listed =
        server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(listed.text_at("/data/0/lastUsedAt") >= now);
}

async fn socifyrs_departed_teammates_keys_stop_at_once(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&member, json!({})).await;
    let path = tenant.organization_path(&format!("/members/{}", member.user_id));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(content(&server, &key.plaintext, &tenant.workspace_id).await.status, 401);
}

async fn every_member_makes_keys_at_socifyr(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({ "label": "scripts" })).await;
    assert_eq!(key.body["scope"], "full");
    let before = dump(&server.database);
    let read_only = server.post(&tenant.workspace_path("/api-keys")).bearer(&viewer.id_token);
    read_only.json(json!({ "scope": "read_only" })).send().await.expect_error(422, "validation_failed");
    assert_unchanged(&before, &server.database);
}

async fn socifyr_keeps_content_and_connections(db: Backend) {
    let server = server(db, "socifyr").await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for collection in ["/api/content", "/api/connections"] {
        let made =
            server.post(collection).bearer(&key.plaintext).json(json!({ "any": ["JSON"] })).send().await.expect(201);
        let read = server.get(&format!("{collection}/{}", made.text_at("/id"))).bearer(&key.plaintext).send().await;
        assert_eq!(read.expect(200).body, made.body);
    }
}
