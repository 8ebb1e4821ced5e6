//! Create, read, rename, roll, disable, enable, revoke, delete, expire.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

tests![
    a_key_is_shown_once_and_kept_as_its_sha256,
    a_new_key_has_the_documented_fields,
    a_member_sees_and_manages_only_its_own_keys,
    a_key_is_renamed_and_its_name_cleared,
    a_roll_stops_the_old_value_at_once,
    a_roll_with_overlap_keeps_the_old_value_until_then,
    an_overlap_ends_with_the_keys_own_expiry,
    a_roll_without_overlap_ends_a_running_overlap,
    a_disabled_key_is_refused_until_it_is_enabled,
    a_revoked_key_stays_revoked,
    a_deleted_key_is_unknown,
    an_expired_key_is_refused_from_that_moment_on,
    an_expiry_in_the_past_is_refused_and_changes_nothing,
    a_list_is_newest_first_and_pages_to_its_end,
];

async fn refused(server: &Server, key: &Key, code: &str) {
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, code);
}

async fn works(server: &Server, plaintext: &str) {
    server.get("/v1/whoami").bearer(plaintext).send().await.expect(200);
}

async fn a_key_is_shown_once_and_kept_as_its_sha256(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"name": "Once"})).await;
    for path in [tenant.key_path(&key, ""), tenant.workspace_path("/api-keys")] {
        let answer = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
        assert!(!answer.text.contains(&key.plaintext) && !answer.text.contains("plaintext"), "{}", answer.text);
    }
    let rows: String = dump(&server.database).into_values().collect();
    assert!(!rows.contains(&key.plaintext), "the plaintext is in the database");
    let hash: String = Sha256::digest(&key.plaintext).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(rows.to_lowercase().contains(&hash), "the SHA-256 is not in the database");
}

async fn a_new_key_has_the_documented_fields(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"label": "CI bot"})).await;
    let body = key.plaintext.strip_prefix("sk_live_").expect("the prefix");
    assert!(body.len() == 32 && body.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{body}");
    let mut fields = key.body.clone();
    let created_at = fields["createdAt"].take();
    assert!(created_at.as_str().is_some_and(|time| time.ends_with('Z')), "{created_at}");
    let expected = json!({
        "id": key.id, "name": "CI bot", "plaintext": key.plaintext,
        "preview": format!("sk_live_{}...{}", &body[..3], &body[29..]),
        "scope": "full", "role": "admin", "roleLimit": null, "permissions": null, "status": "active", "createdBy": tenant.owner.user_id,
        "createdAt": null, "expiresAt": null, "lastUsedAt": null, "allowedIps": [],
        "workspaceId": tenant.workspace_id, "overlapEndsAt": null, "reason": null, "comment": null,
    });
    assert_eq!(fields, expected);
}

async fn a_member_sees_and_manages_only_its_own_keys(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let admin = tenant.add_to_workspace("admin").await;
    let own = tenant.create_key(&viewer, json!({})).await;
    let foreign = tenant.create_key(&admin, json!({})).await;
    let list = |token: String| {
        let request = server.get(&tenant.workspace_path("/api-keys")).bearer(&token);
        async move { ids(&request.send().await.expect(200).body) }
    };
    assert_eq!(list(viewer.id_token.clone()).await, std::slice::from_ref(&own.id));
    assert_eq!(list(admin.id_token.clone()).await, [foreign.id.clone(), own.id.clone()]);

    let before = dump(&server.database);
    server.get(&tenant.key_path(&foreign, "")).bearer(&viewer.id_token).send().await.expect_error(404, "not_found");
    for action in ["/roll", "/disable", "/enable", "/revoke"] {
        let request = server.post(&tenant.key_path(&foreign, action)).bearer(&viewer.id_token);
        request.send().await.expect_error(404, "not_found");
    }
    server.delete(&tenant.key_path(&foreign, "")).bearer(&viewer.id_token).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
    server.post(&tenant.key_path(&own, "/revoke")).bearer(&admin.id_token).send().await.expect(200);
    refused(&server, &own, "api_key_revoked").await;
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().expect("a list").iter().map(|key| key["id"].as_str().expect("an id").to_owned()).collect()
}

async fn a_key_is_renamed_and_its_name_cleared(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"name": "Old", "expiresAt": "2999-01-01T00:00:00Z"})).await;
    let change =
        |body: Value| server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).json(body).send();
    let renamed = change(json!({"name": "  New "})).await.expect(200);
    assert_eq!(renamed["name"], "New");
    assert_eq!(renamed["expiresAt"], "2999-01-01T00:00:00.000Z", "what is left out stays");
    let cleared = change(json!({"name": null, "expiresAt": null})).await.expect(200);
    assert_eq!((&cleared["name"], &cleared["expiresAt"]), (&Value::Null, &Value::Null));
    works(&server, &key.plaintext).await;
}

async fn a_roll_stops_the_old_value_at_once(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"name": "Rolled"})).await;
    let rolled = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(rolled["id"], key.id.as_str());
    assert_eq!(rolled["name"], "Rolled");
    assert_ne!(rolled["preview"], key.body["preview"]);
    works(&server, &rolled.text_at("/plaintext")).await;
    refused(&server, &key, "invalid_api_key").await;
}

async fn a_roll_with_overlap_keeps_the_old_value_until_then(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let rolled = roll.json(json!({"overlapSeconds": 600})).send().await.expect(200);
    assert!(rolled["overlapEndsAt"].is_string(), "{}", rolled.text);
    works(&server, &key.plaintext).await;
    works(&server, &rolled.text_at("/plaintext")).await;
    server.clock.advance(Duration::from_secs(601));
    refused(&server, &key, "invalid_api_key").await;
    works(&server, &rolled.text_at("/plaintext")).await;
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(shown["overlapEndsAt"], Value::Null);
}

async fn an_overlap_ends_with_the_keys_own_expiry(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let key = tenant.create_key(&tenant.owner, json!({"expiresAt": end})).await;
    let roll = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let rolled = roll.json(json!({"overlapSeconds": 3600})).send().await.expect(200);
    assert_eq!(rolled["overlapEndsAt"], end.as_str());
    server.clock.advance(Duration::from_secs(61));
    let again = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
    assert_eq!(again.status, 401, "{}", again.text);
}

async fn a_roll_without_overlap_ends_a_running_overlap(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let path = tenant.key_path(&key, "/roll");
    let roll = |body: Value| server.post(&path).bearer(&tenant.owner.id_token).json(body).send();
    let second = roll(json!({"overlapSeconds": 3600})).await.expect(200).text_at("/plaintext");
    let third = roll(json!({"overlapSeconds": 0})).await.expect(200);
    assert_eq!(third["overlapEndsAt"], Value::Null);
    refused(&server, &key, "invalid_api_key").await;
    server.get("/v1/whoami").bearer(&second).send().await.expect_error(401, "invalid_api_key");
    works(&server, &third.text_at("/plaintext")).await;
}

async fn a_disabled_key_is_refused_until_it_is_enabled(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for _ in 0..2 {
        let disabled = server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await;
        assert_eq!(disabled.expect(200)["status"], "disabled");
        refused(&server, &key, "api_key_disabled").await;
    }
    let enabled = server.post(&tenant.key_path(&key, "/enable")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(enabled.expect(200)["status"], "active");
    works(&server, &key.plaintext).await;
}

async fn a_revoked_key_stays_revoked(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let revoked = server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(revoked.expect(200)["status"], "revoked");
    refused(&server, &key, "api_key_revoked").await;
    let before = dump(&server.database);
    for action in ["/enable", "/disable", "/roll"] {
        let request = server.post(&tenant.key_path(&key, action)).bearer(&tenant.owner.id_token);
        request.send().await.expect_error(409, "conflict");
    }
    let expiry = json!({"expiresAt": "2999-01-01T00:00:00Z"});
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).json(expiry);
    change.send().await.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
    refused(&server, &key, "api_key_revoked").await;
}

async fn a_deleted_key_is_unknown(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let deleted = server.delete(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    assert_eq!(deleted.text, "");
    refused(&server, &key, "invalid_api_key").await;
    server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn an_expired_key_is_refused_from_that_moment_on(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let key = tenant.create_key(&tenant.owner, json!({"expiresAt": end})).await;
    works(&server, &key.plaintext).await;
    server.clock.advance(Duration::from_secs(60));
    refused(&server, &key, "api_key_expired").await;
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(shown["status"], "expired");
    let longer = json!({"expiresAt": "2999-01-01T00:00:00Z"});
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).json(longer);
    change.send().await.expect_error(409, "conflict");
}

async fn an_expiry_in_the_past_is_refused_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let before = dump(&server.database);
    for past in ["2001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "not a time", "10000-01-01T00:00:00Z"] {
        let body = json!({"expiresAt": past});
        let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).json(body.clone());
        let answer = create.send().await.expect_error(422, "validation_failed");
        assert_eq!(answer["error"]["details"][0]["field"], "expiresAt");
        let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).json(body);
        change.send().await.expect_error(422, "validation_failed");
    }
    assert_unchanged(&before, &server.database);
}

async fn a_list_is_newest_first_and_pages_to_its_end(db: Backend) {
    let server = Server::with(db, |config| config.plans.get_mut("free").expect("free").max_active_keys = 100).await;
    let tenant = Tenant::new(&server).await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.insert(0, tenant.create_key(&tenant.owner, json!({})).await.id);
    }
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    let mut pages = 0;
    loop {
        let query = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let path = tenant.workspace_path(&format!("/api-keys?pageSize=3{query}"));
        let page = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
        seen.extend(ids(&page.body));
        pages += 1;
        // A key made meanwhile belongs to no later page.
        tenant.create_key(&tenant.owner, json!({})).await;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((seen, pages), (made, 3));
}
