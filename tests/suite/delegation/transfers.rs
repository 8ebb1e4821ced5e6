//! A transfer never gives a known plaintext more than it had.

use super::{remove, role_of, set_disabled, set_role, transfer, verified};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::{Key, User, VIEWERS};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    a_kept_key_has_at_most_what_it_had,
    a_rolled_key_has_its_new_creators_role_and_a_new_value,
    a_removal_keeps_or_rolls,
    a_key_that_was_orphaned_keeps_what_it_had_before,
    a_key_without_a_role_can_not_be_kept,
    a_transfer_without_a_known_mode_changes_nothing,
    a_removal_rolls_at_most_a_hundred_keys,
    a_transfer_takes_a_caller_who_may_create_keys,
];

async fn put_role(server: &Server, tenant: &Tenant<'_>, user: &User, role: &str) {
    let path = tenant.workspace_path(&format!("/members/{}", user.user_id));
    server.put(&path).bearer(&tenant.owner.id_token).json(json!({ "role": role })).send().await.expect(200);
}

fn role(name: &str) -> Option<String> {
    Some(name.to_owned())
}

async fn a_kept_key_has_at_most_what_it_had(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (viewer, heir) = (tenant.add_to_workspace("viewer").await, tenant.add_to_workspace("editor").await);
    let key = tenant.create_key(&viewer, json!({})).await;
    for body in [json!({ "userId": tenant.owner.user_id }), json!({ "userId": heir.user_id, "mode": "keep" })] {
        let answer = transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect(200);
        assert_eq!((&answer["role"], &answer["permissions"]), (&json!("viewer"), &json!(VIEWERS)));
        assert_eq!(answer["plaintext"], Value::Null);
        assert_eq!(role_of(&server, &key.plaintext).await, role("viewer"));
    }
    put_role(&server, &tenant, &heir, "admin").await;
    assert_eq!(role_of(&server, &key.plaintext).await, role("viewer"));
    // A roll of the key lifts no limit: the old value may live on in an overlap.
    let roll =
        server.post(&tenant.key_path(&key, "/roll")).bearer(&heir.id_token).json(json!({ "overlapSeconds": 60 }));
    let rolled = roll.send().await.expect(200).text_at("/plaintext");
    for value in [&key.plaintext, &rolled] {
        assert_eq!(role_of(&server, value).await, role("viewer"));
    }
    // A creator who loses the role takes it from the key.
    let path = tenant.workspace_path(&format!("/members/{}", heir.user_id));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(role_of(&server, &rolled).await, None);
}

async fn a_rolled_key_has_its_new_creators_role_and_a_new_value(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let overlap = server.post(&tenant.key_path(&key, "/roll")).bearer(&viewer.id_token);
    let second = overlap.json(json!({ "overlapSeconds": 3600 })).send().await.expect(200).text_at("/plaintext");
    let body = json!({ "userId": tenant.owner.user_id, "mode": "roll" });
    let answer = transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect(200);
    assert_eq!((&answer["role"], &answer["permissions"]), (&json!("admin"), &Value::Null));
    assert_eq!(answer["overlapEndsAt"], Value::Null);
    for old in [&key.plaintext, &second] {
        server.get("/v1/whoami").bearer(old).send().await.expect_error(401, "invalid_api_key");
    }
    let new = answer.text_at("/plaintext");
    assert_eq!(role_of(&server, &new).await, role("admin"));
    assert_ne!(answer["preview"], key.body["preview"]);
}

async fn a_removal_keeps_or_rolls(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    for (query, old, new) in
        [("", role("viewer"), None), ("&mode=keep", role("viewer"), None), ("&mode=roll", None, role("admin"))]
    {
        let viewer = tenant.add_to_workspace("viewer").await;
        let key = tenant.create_key(&viewer, json!({})).await;
        let query = format!("?transferKeysTo={}{query}", tenant.owner.user_id);
        let removed = remove(&server, &tenant, &tenant.owner, &viewer, &query).await.expect(200);
        assert_eq!((&removed["transferredKeys"], &removed["orphanedKeys"]), (&json!([key.id]), &json!([])));
        assert_eq!(role_of(&server, &key.plaintext).await, old);
        let rolled = removed.body.pointer("/rolledKeys/0");
        assert_eq!(rolled.is_some(), new.is_some());
        if let Some(rolled) = rolled {
            assert_eq!(rolled["id"], key.id.as_str());
            assert_eq!(role_of(&server, rolled["plaintext"].as_str().expect("a value")).await, new);
        }
    }
    // From one workspace, too.
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let path = tenant.workspace_path(&format!("/members/{}?transferKeysTo={}", viewer.user_id, tenant.owner.user_id));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(role_of(&server, &key.plaintext).await, role("viewer"));
}

async fn a_key_that_was_orphaned_keeps_what_it_had_before(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await;
    remove(&server, &tenant, &tenant.owner, &editor, "").await.expect(200);
    let body = json!({ "userId": tenant.owner.user_id });
    transfer(&server, &tenant, &tenant.owner.id_token, &key, body.clone()).await.expect(200);
    assert_eq!(role_of(&server, &key.plaintext).await, role("editor"));
    // So does the key of a person who was disabled.
    let disabled = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&disabled, json!({})).await;
    set_disabled(&server, &disabled, true).await;
    transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect(200);
    assert_eq!(role_of(&server, &key.plaintext).await, role("viewer"));
}

async fn a_key_without_a_role_can_not_be_kept(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    // Its creator is a member of the organization still, and has no role in the workspace.
    let admin = tenant.add_member("admin", &[]).await;
    let key = tenant.create_key(&admin, json!({})).await;
    set_role(&server, &tenant, &tenant.owner, &admin, "member").await.expect(200);
    let body = json!({ "userId": tenant.owner.user_id });
    let before = dump(&server.database);
    let refused = transfer(&server, &tenant, &tenant.owner.id_token, &key, body.clone()).await;
    assert!(refused.expect_error(409, "conflict").text.contains("roll"));
    assert_unchanged(&before, &server.database);
    // A removal goes on: it orphans the key.
    let query = format!("?transferKeysTo={}", tenant.owner.user_id);
    let removed = remove(&server, &tenant, &tenant.owner, &admin, &query).await.expect(200);
    assert_eq!(removed.body, json!({ "orphanedKeys": [key.id], "transferredKeys": [] }));
    // What it had before a version of Keyward noted it is not known either.
    transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect_error(409, "conflict");
    let body = json!({ "userId": tenant.owner.user_id, "mode": "roll" });
    let rolled = transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect(200);
    assert_eq!(role_of(&server, &rolled.text_at("/plaintext")).await, role("admin"));
}

async fn a_transfer_without_a_known_mode_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await;
    let before = dump(&server.database);
    let body = json!({ "userId": tenant.owner.user_id, "mode": "share" });
    transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await.expect_error(422, "validation_failed");
    let path = format!("?transferKeysTo={}&mode=share", tenant.owner.user_id);
    remove(&server, &tenant, &tenant.owner, &editor, &path).await.expect_error(400, "bad_request");
    let alone = remove(&server, &tenant, &tenant.owner, &editor, "?mode=keep").await;
    assert_eq!(alone.expect_error(422, "validation_failed")["error"]["details"][0]["field"], "mode");
    assert_unchanged(&before, &server.database);
}

async fn a_removal_rolls_at_most_a_hundred_keys(db: Backend) {
    let server = Server::with(db, |config| {
        for plan in config.plans.values_mut() {
            plan.max_active_keys = 1_000;
        }
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let mut keys: Vec<Key> = Vec::new();
    for _ in 0..101 {
        keys.push(tenant.create_key(&editor, json!({})).await);
    }
    let query = format!("?transferKeysTo={}&mode=roll", tenant.owner.user_id);
    let before = dump(&server.database);
    let refused = remove(&server, &tenant, &tenant.owner, &editor, &query).await;
    assert_eq!(refused.expect_error(422, "validation_failed")["error"]["details"][0]["field"], "mode");
    assert_unchanged(&before, &server.database);
    server.delete(&tenant.key_path(&keys[0], "")).bearer(&editor.id_token).send().await.expect(204);
    let removed = remove(&server, &tenant, &tenant.owner, &editor, &query).await.expect(200);
    assert_eq!(removed["rolledKeys"].as_array().map(Vec::len), Some(100));
}

async fn a_transfer_takes_a_caller_who_may_create_keys(db: Backend) {
    let server =
        Server::with(db, |config| config.keys.min_creator_role = "organization_admin".parse().expect("a role"));
    let server = server.await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_to_workspace("admin").await;
    let leaver = verified(&server, "leaver@example.com").await;
    let token = tenant.invite(&leaver.email, "admin", &[(&tenant.workspace_id, "viewer")]).await.text_at("/token");
    super::accept(&server, &leaver, &token).await.expect(200);
    let key = tenant.create_key(&leaver, json!({})).await;
    let before = dump(&server.database);
    for mode in ["keep", "roll"] {
        let body = json!({ "userId": tenant.owner.user_id, "mode": mode });
        transfer(&server, &tenant, &admin.id_token, &key, body).await.expect_error(403, "insufficient_permission");
        let query = format!("?transferKeysTo={}&mode={mode}", tenant.owner.user_id);
        let path = tenant.workspace_path(&format!("/members/{}{query}", leaver.user_id));
        let refused = server.delete(&path).bearer(&admin.id_token).send().await;
        refused.expect_error(403, "insufficient_permission");
    }
    assert_unchanged(&before, &server.database);
}
