//! A key can do at most what its creator can do now.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::{EDITORS, Key, User};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};

tests![
    a_demoted_creators_key_is_demoted_with_the_next_request,
    a_demoted_organization_admins_key_is_orphaned_where_it_has_no_other_role,
    a_removed_members_keys_are_orphaned_until_a_transfer,
    an_orphaned_key_does_not_revive_when_its_creator_returns,
    removal_from_a_workspace_orphans_only_the_keys_there,
    removal_can_hand_the_keys_over_in_the_same_call,
    keys_are_not_handed_to_someone_who_may_not_have_them,
    a_transferred_key_has_its_new_creators_role,
    a_disabled_persons_keys_stop_and_work_again_once_enabled,
];

async fn role_of(server: &Server, key: &Key) -> Value {
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200)["role"].clone()
}

async fn orphaned(server: &Server, key: &Key) {
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_orphaned");
}

async fn set_workspace_role(server: &Server, tenant: &Tenant<'_>, user: &User, role: &str) {
    let path = tenant.workspace_path(&format!("/members/{}", user.user_id));
    server.put(&path).bearer(&tenant.owner.id_token).json(json!({"role": role})).send().await.expect(200);
}

async fn a_demoted_creators_key_is_demoted_with_the_next_request(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("admin").await;
    let key = tenant.create_key(&user, json!({})).await;
    for role in ["admin", "editor", "viewer", "admin"] {
        set_workspace_role(&server, &tenant, &user, role).await;
        assert_eq!(role_of(&server, &key).await, role);
    }
    set_workspace_role(&server, &tenant, &user, "viewer").await;
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let permissions = whoami["permissions"].as_array().expect("a list");
    assert!(!permissions.contains(&json!("content:write")), "{permissions:?}");
}

async fn a_demoted_organization_admins_key_is_orphaned_where_it_has_no_other_role(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let key = tenant.create_key(&admin, json!({})).await;
    assert_eq!(role_of(&server, &key).await, "admin");
    let member = tenant.organization_path(&format!("/members/{}", admin.user_id));
    let demote = server.patch(&member).bearer(&tenant.owner.id_token).json(json!({"role": "member"}));
    demote.send().await.expect(200);
    orphaned(&server, &key).await;
    set_workspace_role(&server, &tenant, &admin, "viewer").await;
    assert_eq!(role_of(&server, &key).await, "viewer");
}

async fn a_removed_members_keys_are_orphaned_until_a_transfer(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("editor").await;
    let (key, revoked) = (tenant.create_key(&user, json!({})).await, tenant.create_key(&user, json!({})).await);
    server.post(&tenant.key_path(&revoked, "/revoke")).bearer(&user.id_token).send().await.expect(200);
    let member = tenant.organization_path(&format!("/members/{}", user.user_id));
    let removed = server.delete(&member).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(removed.body, json!({"orphanedKeys": [key.id], "transferredKeys": []}));
    orphaned(&server, &key).await;
    let shown = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!((&shown["status"], &shown["role"]), (&json!("orphaned"), &Value::Null));

    let transfer = server.post(&tenant.key_path(&key, "/transfer")).bearer(&tenant.owner.id_token);
    let transferred = transfer.json(json!({"userId": tenant.owner.user_id})).send().await.expect(200);
    assert_eq!((&transferred["status"], &transferred["createdBy"]), (&json!("active"), &json!(tenant.owner.user_id)));
    assert_eq!((role_of(&server, &key).await, &transferred["permissions"]), (json!("editor"), &json!(EDITORS)));
}

async fn an_orphaned_key_does_not_revive_when_its_creator_returns(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&user, json!({})).await;
    let member = tenant.organization_path(&format!("/members/{}", user.user_id));
    server.delete(&member).bearer(&tenant.owner.id_token).send().await.expect(200);
    let token = tenant.invite(&user.email, "member", &[(&tenant.workspace_id, "editor")]).await.text_at("/token");
    let accept = server.post("/v1/invitations/accept").bearer(&user.id_token).json(json!({"token": token}));
    accept.send().await.expect(200);
    orphaned(&server, &key).await;
}

async fn removal_from_a_workspace_orphans_only_the_keys_there(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let other = tenant.add_workspace("Staging").await;
    let user = tenant.add_member("member", &[(&tenant.workspace_id, "editor"), (&other, "editor")]).await;
    let key = tenant.create_key(&user, json!({})).await;
    let there = server.post(&format!("/v1/workspaces/{other}/api-keys")).bearer(&user.id_token);
    let there = there.json(json!({})).send().await.expect(201).text_at("/plaintext");
    let path = tenant.workspace_path(&format!("/members/{}", user.user_id));
    let removed = server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(removed["orphanedKeys"], json!([key.id]));
    orphaned(&server, &key).await;
    server.get("/v1/whoami").bearer(&there).send().await.expect(200);
}

async fn removal_can_hand_the_keys_over_in_the_same_call(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (user, new_creator) = (tenant.add_to_workspace("admin").await, tenant.add_to_workspace("viewer").await);
    let key = tenant.create_key(&user, json!({})).await;
    let member = tenant.organization_path(&format!("/members/{}?transferKeysTo={}", user.user_id, new_creator.user_id));
    let removed = server.delete(&member).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(removed.body, json!({"orphanedKeys": [], "transferredKeys": [key.id]}));
    assert_eq!(role_of(&server, &key).await, "viewer");
}

async fn keys_are_not_handed_to_someone_who_may_not_have_them(db: Backend) {
    let server = Server::with(db, |config| config.keys.min_creator_role = "editor".parse().expect("a role")).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("editor").await;
    let (viewer, outside) = (tenant.add_to_workspace("viewer").await, tenant.add_member("member", &[]).await);
    let stranger = Tenant::new(&server).await.owner;
    let key = tenant.create_key(&user, json!({})).await;
    let before = dump(&server.database);
    for new_creator in [&viewer, &outside, &stranger, &user] {
        let path =
            tenant.organization_path(&format!("/members/{}?transferKeysTo={}", user.user_id, new_creator.user_id));
        let refused = server.delete(&path).bearer(&tenant.owner.id_token).send().await;
        refused.expect_error(422, "validation_failed");
    }
    for new_creator in [&viewer, &outside, &stranger] {
        let transfer = server.post(&tenant.key_path(&key, "/transfer")).bearer(&tenant.owner.id_token);
        transfer.json(json!({"userId": new_creator.user_id})).send().await.expect_error(422, "validation_failed");
    }
    assert_unchanged(&before, &server.database);
    assert_eq!(role_of(&server, &key).await, "editor");
}

async fn a_transferred_key_has_its_new_creators_role(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let by_creator = server.post(&tenant.key_path(&key, "/transfer")).bearer(&viewer.id_token);
    by_creator.json(json!({"userId": viewer.user_id})).send().await.expect_error(403, "insufficient_permission");
    let transfer = server.post(&tenant.key_path(&key, "/transfer")).bearer(&tenant.owner.id_token);
    transfer.json(json!({"userId": viewer.user_id})).send().await.expect(200);
    assert_eq!(role_of(&server, &key).await, "viewer");
}

async fn a_disabled_persons_keys_stop_and_work_again_once_enabled(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&user, json!({})).await;
    process::run(&server.database, &["user", "disable", &user.email]).await;
    orphaned(&server, &key).await;
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    process::run(&server.database, &["user", "enable", &user.email]).await;
    assert_eq!(role_of(&server, &key).await, "editor");
}
