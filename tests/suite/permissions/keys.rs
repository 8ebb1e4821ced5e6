//! The list of permissions on a key.

use super::{add_role, change_key, effective, give, server};
use crate::delegation::transfer;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::VIEWERS;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    a_key_has_what_owner_scope_and_list_leave,
    a_list_is_narrowed_and_widened_up_to_what_the_owner_has_now,
    a_bad_list_is_refused_by_name_and_changes_nothing,
    a_key_gives_its_list_to_the_keys_that_it_makes,
    a_transfer_that_keeps_writes_what_the_key_had,
    a_new_value_never_has_more_than_the_one_who_gets_it,
    an_old_role_limit_admits_no_permission_of_the_product,
];

async fn a_key_has_what_owner_scope_and_list_leave(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let all = tenant.create_key(&editor, json!({})).await;
    assert_eq!(all.body["permissions"], Value::Null);
    let of_editor = [
        "workspace:read",
        "members:read",
        "content:read",
        "content:write",
        "keys:own",
        "invoices:read",
        "invoices:write",
    ];
    assert_eq!(effective(&server, &all.plaintext).await.expect("it works"), of_editor);
    let list = json!(["invoices:write", "invoices:read", "content:read"]);
    let listed = tenant.create_key(&editor, json!({ "permissions": list })).await;
    assert_eq!(listed.body["permissions"], json!(["content:read", "invoices:read", "invoices:write"]));
    let reads = tenant.create_key(&editor, json!({ "permissions": list, "scope": "read_only" })).await;
    assert_eq!(effective(&server, &reads.plaintext).await.expect("it works"), ["content:read", "invoices:read"]);
    // A demotion takes it from the key, and a promotion gives no more than the list.
    give(&tenant, &tenant.owner, &editor, "viewer").await.expect(200);
    assert_eq!(effective(&server, &listed.plaintext).await.expect("it works"), ["content:read", "invoices:read"]);
    give(&tenant, &tenant.owner, &editor, "admin").await.expect(200);
    let full = ["content:read", "invoices:read", "invoices:write"];
    assert_eq!(effective(&server, &listed.plaintext).await.expect("it works"), full);
}

async fn a_list_is_narrowed_and_widened_up_to_what_the_owner_has_now(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({ "permissions": ["invoices:read"] })).await;
    let wider = change_key(&tenant, &viewer, &key, json!(["content:read", "invoices:read"])).await.expect(200);
    assert_eq!(wider["permissions"], json!(["content:read", "invoices:read"]));
    assert_eq!(effective(&server, &key.plaintext).await.expect("it works"), ["content:read", "invoices:read"]);
    change_key(&tenant, &viewer, &key, json!(["content:read"])).await.expect(200);
    assert_eq!(effective(&server, &key.plaintext).await.expect("it works"), ["content:read"]);
    let before = dump(&server.database);
    // An admin can't give a viewer's key more than the viewer has.
    for by in [&viewer, &tenant.owner] {
        let more = change_key(&tenant, by, &key, json!(["content:read", "invoices:write"])).await;
        let refused = more.expect_error(422, "validation_failed");
        let detail = &refused["error"]["details"][0];
        assert_eq!(detail["field"], "permissions[1]");
        assert!(detail["message"].as_str().expect("a text").contains("invoices:write"), "{detail}");
    }
    assert_unchanged(&before, &server.database);
    let cleared = change_key(&tenant, &viewer, &key, Value::Null).await.expect(200);
    assert_eq!(cleared["permissions"], Value::Null);
    assert_eq!(effective(&server, &key.plaintext).await.expect("it works").len(), VIEWERS.len() + 1);
}

async fn a_bad_list_is_refused_by_name_and_changes_nothing(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let many: Vec<String> = (0..257).map(|number| format!("invoices:n{number}")).collect();
    let before = dump(&server.database);
    for (list, field, word) in [
        (json!([]), "permissions", "at least one"),
        (json!(["invoices:pay"]), "permissions[0]", "invoices:pay"),
        (json!(["invoices:read", "\u{1f511}"]), "permissions[1]", "must be a declared permission"),
        (json!(["invoices:read", "invoices:read"]), "permissions[1]", "twice"),
        (json!(["organization:manage"]), "permissions[0]", "organization"),
        // No built-in role has it, not even the owner of the organization.
        (json!(["invoices:void"]), "permissions[0]", "invoices:void"),
        (json!(many), "permissions", "at most 256"),
    ] {
        let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
        let created = create.json(json!({ "permissions": list })).send().await;
        for answer in [created, change_key(&tenant, &tenant.owner, &key, list.clone()).await] {
            let refused = answer.expect_error(422, "validation_failed");
            let detail = &refused["error"]["details"][0];
            assert_eq!(detail["field"], field, "{list}: {detail}");
            assert!(detail["message"].as_str().expect("a text").contains(word), "{list}: {detail}");
        }
    }
    assert_unchanged(&before, &server.database);
}

async fn a_key_gives_its_list_to_the_keys_that_it_makes(db: Backend) {
    let server = Server::with(db, |config| {
        super::configure(config);
        config.keys.manage_with_keys = true;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let list = json!(["content:read", "keys:own", "invoices:read"]);
    let maker = tenant.create_key(&tenant.owner, json!({ "permissions": list })).await;
    let create = async |body: Value| {
        server.post(&tenant.workspace_path("/api-keys")).bearer(&maker.plaintext).json(body).send().await
    };
    let made = create(json!({})).await.expect(201);
    assert_eq!(made["permissions"], list);
    let narrower = create(json!({ "permissions": ["invoices:read"] })).await.expect(201);
    assert_eq!(narrower["permissions"], json!(["invoices:read"]));
    let before = dump(&server.database);
    create(json!({ "permissions": ["invoices:write"] })).await.expect_error(422, "validation_failed");
    // Nor by a change, a removal of the list, or a roll of a key that has more.
    let others = tenant.create_key(&tenant.owner, json!({})).await;
    let after = dump(&server.database);
    let own_path = tenant.key_path(&maker, "");
    for body in [json!({ "permissions": null }), json!({ "permissions": ["invoices:read", "invoices:write"] })] {
        server.patch(&own_path).bearer(&maker.plaintext).json(body).send().await.expect_error(422, "validation_failed");
    }
    let roll = server.post(&tenant.key_path(&others, "/roll")).bearer(&maker.plaintext).send().await;
    roll.expect_error(403, "insufficient_permission");
    assert_unchanged(&after, &server.database);
    assert_ne!(before, after);
    let reader = tenant.create_key(&tenant.owner, json!({ "permissions": ["content:read"] })).await;
    let refused = server.get(&tenant.workspace_path("/api-keys")).bearer(&reader.plaintext).send().await;
    refused.expect_error(403, "insufficient_permission");
}

async fn a_transfer_that_keeps_writes_what_the_key_had(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let role = add_role(&tenant, "Clerk", &["workspace:read", "keys:own", "invoices:read", "invoices:void"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let key = tenant.create_key(&clerk, json!({})).await;
    let had = ["workspace:read", "keys:own", "invoices:read", "invoices:void"];
    assert_eq!(effective(&server, &key.plaintext).await.expect("it works"), had);
    let to_owner = json!({ "userId": tenant.owner.user_id });
    let kept = transfer(&server, &tenant, &tenant.owner.id_token, &key, to_owner.clone()).await.expect(200);
    assert_eq!(kept["permissions"], json!(had));
    // The new owner has no permission to void.
    let now = effective(&server, &key.plaintext).await.expect("it works");
    assert_eq!(now, ["workspace:read", "keys:own", "invoices:read"]);
    // A key that was orphaned keeps what it had then, also after the role was widened.
    let other = tenant.create_key(&clerk, json!({ "scope": "read_only" })).await;
    let path = tenant.workspace_path(&format!("/members/{}", clerk.user_id));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    super::change_role(&tenant, &role, json!({ "permissions": ["invoices:read", "secrets:read"] })).await.expect(200);
    let kept = transfer(&server, &tenant, &tenant.owner.id_token, &other, to_owner).await.expect(200);
    assert_eq!(kept["permissions"], json!(["workspace:read", "invoices:read"]));
}

async fn a_new_value_never_has_more_than_the_one_who_gets_it(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let manager = ["workspace:read", "members:read", "keys:own", "keys:manage", "members:manage"];
    let manager = tenant.add_to_workspace(&add_role(&tenant, "Manager", &manager).await).await;
    let (admin, leaver) = (tenant.add_to_workspace("admin").await, tenant.add_to_workspace("viewer").await);
    let (admins, leavers) = (tenant.create_key(&admin, json!({})).await, tenant.create_key(&leaver, json!({})).await);
    let before = dump(&server.database);
    let to_admin = json!({ "userId": admin.user_id, "mode": "roll" });
    let refused = transfer(&server, &tenant, &manager.id_token, &leavers, to_admin).await;
    refused.expect_error(403, "insufficient_permission");
    let roll = server.post(&tenant.key_path(&admins, "/roll")).bearer(&manager.id_token).send().await;
    roll.expect_error(403, "insufficient_permission");
    let query = format!("/members/{}?transferKeysTo={}&mode=roll", leaver.user_id, admin.user_id);
    let removal = server.delete(&tenant.workspace_path(&query)).bearer(&manager.id_token).send().await;
    removal.expect_error(403, "insufficient_permission");
    give(&tenant, &manager, &manager, "admin").await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    // The value stays with its holders, and the manager gets none.
    let query = format!("/members/{}?transferKeysTo={}&mode=keep", leaver.user_id, admin.user_id);
    server.delete(&tenant.workspace_path(&query)).bearer(&manager.id_token).send().await.expect(200);
}

async fn an_old_role_limit_admits_no_permission_of_the_product(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    // As a transfer of the version before left it.
    server.database.execute_unrecorded(&format!("UPDATE api_keys SET role_limit = 'viewer' WHERE id = '{}'", key.id));
    let node = server.another(|_| {}).await;
    assert_eq!(effective(&node, &key.plaintext).await.expect("it works"), VIEWERS);
    let whoami = node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["role"], "viewer");
}
