//! Custom roles over HTTP.

use super::{add_role, ask_for_role, change_role, effective, give, server};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Tenant, process, tests};
use keyward::base::ids::RoleId;
use serde_json::{Value, json};

tests![
    a_role_is_made_read_listed_changed_and_deleted,
    a_role_counts_for_members_and_their_keys_at_once,
    a_role_is_taken_wherever_a_workspace_role_is,
    nobody_gives_a_role_with_more_than_he_has,
    a_role_in_use_is_replaced_or_stays,
    a_bad_role_is_refused_and_changes_nothing,
    an_organization_has_at_most_a_hundred_roles,
];

async fn a_role_is_made_read_listed_changed_and_deleted(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let body = json!({ "name": " Clerk ", "description": "Voids invoices", "permissions": ["invoices:void"] });
    let made = ask_for_role(&tenant, &tenant.owner, body).await.expect(201);
    assert_eq!((&made["name"], &made["permissions"]), (&json!("Clerk"), &json!(["invoices:void"])));
    let id = made.text_at("/id");
    assert!(id.starts_with("role_"), "{id}");
    let path = tenant.organization_path(&format!("/roles/{id}"));
    let read = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(read.body, made.body);
    let list = server.get(&tenant.organization_path("/roles")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(list["data"], json!([made.body]));
    let listed = process::run(&server.database, &["role", "list", "--organization", &tenant.organization_id]).await;
    assert_eq!(listed, format!("{id}\t{}\tClerk\tinvoices:void\n", tenant.organization_id));
    let changed = change_role(&tenant, &id, json!({ "name": "Auditor", "description": null })).await.expect(200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Auditor"), &Value::Null));
    assert_eq!(changed["permissions"], json!(["invoices:void"]));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
    server.get(&path).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn a_role_counts_for_members_and_their_keys_at_once(db: Backend) {
    let server = server(db).await;
    let second = server.another(super::configure).await;
    let tenant = Tenant::new(&server).await;
    let role = add_role(&tenant, "Clerk", &["workspace:read", "keys:own", "invoices:void"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let workspace = server.get(&tenant.workspace_path("")).bearer(&clerk.id_token).send().await.expect(200);
    assert_eq!(workspace["role"], role.as_str());
    assert_eq!(workspace["permissions"], json!(["workspace:read", "keys:own", "invoices:void"]));
    server
        .get(&tenant.workspace_path("/members"))
        .bearer(&clerk.id_token)
        .send()
        .await
        .expect_error(403, "insufficient_permission");
    let key = tenant.create_key(&clerk, json!({})).await;
    assert_eq!(key.body["role"], role.as_str());
    for node in [&server, &second] {
        assert!(effective(node, &key.plaintext).await.expect("it works").contains(&"invoices:void".to_owned()));
    }
    change_role(&tenant, &role, json!({ "permissions": ["workspace:read", "keys:own"] })).await.expect(200);
    for node in [&server, &second] {
        assert_eq!(effective(node, &key.plaintext).await.expect("it works"), ["workspace:read", "keys:own"]);
    }
    change_role(&tenant, &role, json!({ "permissions": ["keys:own", "secrets:read"] })).await.expect(200);
    assert_eq!(effective(&second, &key.plaintext).await.expect("it works"), ["keys:own", "secrets:read"]);
    // The admins have all that has a least role, and no more.
    let own = server.get(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let own = own["permissions"].as_array().expect("a list").clone();
    assert!(own.contains(&json!("invoices:write")) && !own.contains(&json!("invoices:void")), "{own:?}");
}

async fn a_role_is_taken_wherever_a_workspace_role_is(db: Backend) {
    let server = server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let role = add_role(&tenant, "Clerk", &["workspace:read", "members:read", "invoices:void"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let members = server.get(&tenant.workspace_path("/members")).bearer(&clerk.id_token).send().await.expect(200);
    let of_clerk = members["data"].as_array().expect("a list").iter().find(|one| one["id"] == clerk.user_id.as_str());
    assert_eq!(of_clerk.expect("a member")["role"], role.as_str());
    let viewer = tenant.add_to_workspace("viewer").await;
    let given = give(&tenant, &tenant.owner, &viewer, &role).await.expect(200);
    assert_eq!(given["role"], role.as_str());
    give(&tenant, &tenant.owner, &viewer, "editor").await.expect(200);
    let before = dump(&server.database);
    let foreign = add_role(&other, "Clerk", &["invoices:read"]).await;
    let between = dump(&server.database);
    for bad in [foreign, RoleId::new().to_string()] {
        let refused = give(&tenant, &tenant.owner, &viewer, &bad).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "role");
        let body = json!({ "email": "x@example.com", "role": "member", "workspaces": [{ "id": tenant.workspace_id, "role": bad }] });
        let invite = server.post(&tenant.organization_path("/invitations")).bearer(&tenant.owner.id_token);
        let refused = invite.json(body).send().await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "workspaces[0].role");
    }
    assert_unchanged(&between, &server.database);
    assert_ne!(before, between);
}

async fn nobody_gives_a_role_with_more_than_he_has(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let void = add_role(&tenant, "Clerk", &["workspace:read", "invoices:void"]).await;
    let reads = add_role(&tenant, "Reader", &["workspace:read", "invoices:read"]).await;
    let (admin, viewer) = (tenant.add_to_workspace("admin").await, tenant.add_to_workspace("viewer").await);
    let before = dump(&server.database);
    let refused = give(&tenant, &admin, &viewer, &void).await.expect_error(403, "insufficient_permission");
    assert!(refused.text.contains("invoices:void"), "{}", refused.text);
    give(&tenant, &admin, &admin, &void).await.expect_error(403, "insufficient_permission");
    // Only admins of the organization make roles.
    let body = json!({ "name": "Mine", "permissions": ["invoices:void"] });
    ask_for_role(&tenant, &admin, body).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    give(&tenant, &admin, &viewer, &reads).await.expect(200);
    give(&tenant, &tenant.owner, &viewer, &void).await.expect(200);
}

async fn a_role_in_use_is_replaced_or_stays(db: Backend) {
    let server = server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let role = add_role(&tenant, "Clerk", &["workspace:read", "keys:own", "invoices:void"]).await;
    let next = add_role(&tenant, "Reader", &["workspace:read", "keys:own", "invoices:read"]).await;
    let foreign = add_role(&other, "Clerk", &["invoices:read"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let key = tenant.create_key(&clerk, json!({})).await;
    tenant.invite("guest@example.com", "member", &[(&tenant.workspace_id, &role)]).await;
    let delete = async |query: &str| {
        let path = tenant.organization_path(&format!("/roles/{role}{query}"));
        server.delete(&path).bearer(&tenant.owner.id_token).send().await
    };
    let before = dump(&server.database);
    delete("").await.expect_error(409, "conflict");
    for bad in [&role, &foreign] {
        delete(&format!("?replaceWith={bad}")).await.expect_error(422, "validation_failed");
    }
    delete("?replaceWith=owner").await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    delete(&format!("?replaceWith={next}")).await.expect(204);
    let now = effective(&server, &key.plaintext).await.expect("it works");
    assert_eq!(now, ["workspace:read", "keys:own", "invoices:read"]);
    let pending = server.get(&tenant.organization_path("/invitations")).bearer(&tenant.owner.id_token);
    assert_eq!(pending.send().await.expect(200)["data"][0]["workspaces"][0]["role"], next.as_str());
}

async fn a_bad_role_is_refused_and_changes_nothing(db: Backend) {
    let server = server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let role = add_role(&tenant, "Clerk", &["invoices:read"]).await;
    add_role(&tenant, "Reader", &["invoices:read"]).await;
    let before = dump(&server.database);
    for (permissions, word) in [
        (json!([]), "at least one"),
        (json!(["invoices:pay"]), "invoices:pay"),
        (json!(["invoices:read", "invoices:read"]), "twice"),
        (json!(["organization:read"]), "organization"),
        (json!(["owners:manage"]), "organization"),
    ] {
        let body = json!({ "name": "New", "permissions": permissions });
        let created = ask_for_role(&tenant, &tenant.owner, body).await;
        for answer in [created, change_role(&tenant, &role, json!({ "permissions": permissions })).await] {
            let refused = answer.expect_error(422, "validation_failed");
            assert!(refused.text.contains(word), "{permissions}: {}", refused.text);
        }
    }
    let twice = json!({ "name": "Reader", "permissions": ["invoices:read"] });
    ask_for_role(&tenant, &tenant.owner, twice).await.expect_error(409, "conflict");
    change_role(&tenant, &role, json!({ "name": "Reader" })).await.expect_error(409, "conflict");
    let path = format!("/v1/organizations/{}/roles/{role}", other.organization_id);
    server.delete(&path).bearer(&other.owner.id_token).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
    // Another organization may use the name.
    add_role(&other, "Reader", &["invoices:read"]).await;
}

async fn an_organization_has_at_most_a_hundred_roles(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    for number in 0..100 {
        add_role(&tenant, &format!("Role {number}"), &["invoices:read"]).await;
    }
    let before = dump(&server.database);
    let body = json!({ "name": "One more", "permissions": ["invoices:read"] });
    ask_for_role(&tenant, &tenant.owner, body).await.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
}
