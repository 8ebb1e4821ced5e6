//! Organizations and workspaces.

use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    a_new_user_belongs_nowhere_and_becomes_owner_of_what_it_makes,
    organizations_are_listed_newest_first_page_by_page,
    an_organization_is_renamed_by_its_admins_and_deleted_by_its_owners,
    deleting_an_organization_ends_its_keys_and_leaves_other_tenants_alone,
    a_member_sees_only_the_workspaces_it_was_added_to,
    a_workspace_is_renamed_and_deleted_with_its_keys,
    names_are_limited_in_characters_not_in_bytes,
];

async fn a_new_user_belongs_nowhere_and_becomes_owner_of_what_it_makes(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let me = server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    let expected = json!({"user": {"id": user.user_id, "email": user.email, "name": null}, "organizations": []});
    assert_eq!(me.body, expected);
    let made = server.post("/v1/organizations").bearer(&user.id_token).json(json!({"name": " Acme "}));
    let made = made.send().await.expect(201);
    assert_eq!((&made["name"], &made["role"]), (&json!("Acme"), &json!("owner")));
    let me = server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(me["organizations"], json!([{"id": made["id"], "name": "Acme", "role": "owner"}]));
}

async fn organizations_are_listed_newest_first_page_by_page(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let mut made = Vec::new();
    for place in 0..5 {
        let create = server.post("/v1/organizations").bearer(&user.id_token);
        made.insert(0, create.json(json!({"name": format!("O{place}")})).send().await.expect(201)["id"].clone());
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/organizations?pageSize=2".to_owned());
    loop {
        let page = server.get(&path).bearer(&user.id_token).send().await.expect(200);
        seen.extend(page["data"].as_array().expect("a list").iter().map(|row| row["id"].clone()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/organizations?pageSize=2&cursor={next}");
    }
    assert_eq!(seen, made);
}

async fn an_organization_is_renamed_by_its_admins_and_deleted_by_its_owners(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let path = tenant.organization_path("");
    let rename = server.patch(&path).bearer(&admin.id_token).json(json!({"name": "New"}));
    assert_eq!(rename.send().await.expect(200)["name"], "New");
    server.delete(&path).bearer(&admin.id_token).send().await.expect_error(403, "insufficient_permission");
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
    server.get(&path).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn deleting_an_organization_ends_its_keys_and_leaves_other_tenants_alone(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let kept = other.create_key(&other.owner, json!({})).await;
    server.delete(&tenant.organization_path("")).bearer(&tenant.owner.id_token).send().await.expect(204);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "invalid_api_key");
    server.get("/v1/whoami").bearer(&kept.plaintext).send().await.expect(200);
}

async fn a_member_sees_only_the_workspaces_it_was_added_to(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let other = tenant.add_workspace("Staging").await;
    let member = tenant.add_to_workspace("viewer").await;
    let admin = tenant.add_member("admin", &[]).await;
    let list = async |user: &User| -> Vec<Value> {
        let path = tenant.organization_path("/workspaces");
        let page = server.get(&path).bearer(&user.id_token).send().await.expect(200);
        let rows = page["data"].as_array().expect("a list").clone();
        rows.into_iter().map(|row| json!([row["id"], row["role"]])).collect()
    };
    assert_eq!(list(&member).await, [json!([tenant.workspace_id, "viewer"])]);
    assert_eq!(list(&admin).await, [json!([other, "admin"]), json!([tenant.workspace_id, "admin"])]);
    let hidden = server.get(&format!("/v1/workspaces/{other}")).bearer(&member.id_token).send().await;
    hidden.expect_error(404, "not_found");
}

async fn a_workspace_is_renamed_and_deleted_with_its_keys(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_to_workspace("admin").await;
    let key = tenant.create_key(&admin, json!({})).await;
    let path = tenant.workspace_path("");
    let rename = server.patch(&path).bearer(&admin.id_token).json(json!({"name": "New"}));
    assert_eq!(rename.send().await.expect(200)["name"], "New");
    server.delete(&path).bearer(&admin.id_token).send().await.expect(204);
    server.get(&path).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "invalid_api_key");
}

async fn names_are_limited_in_characters_not_in_bytes(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let create =
        |name: String| server.post("/v1/organizations").bearer(&user.id_token).json(json!({"name": name})).send();
    create("é".repeat(100)).await.expect(201);
    for bad in ["é".repeat(101), String::new(), " ".into(), "a\u{0}b".into(), "a\u{202e}b".into()] {
        let refused = create(bad).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "name");
    }
}
