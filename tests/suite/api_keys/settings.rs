//! What configuration says of keys: their look, their headers, who makes them, from where they work.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::KeyBody;
use keyward::base::config::Keys;
use serde_json::json;

tests![
    prefix_and_body_are_configured,
    a_key_is_taken_from_the_configured_headers_only,
    only_the_configured_roles_create_keys,
    only_the_configured_scopes_exist,
    a_key_works_only_from_its_addresses,
    the_forwarded_address_counts_behind_a_trusted_proxy_only,
    keys_manage_keys_only_where_configured,
];

async fn with_keys(db: Backend, change: impl FnOnce(&mut Keys)) -> Server {
    Server::with(db, |config| change(&mut config.keys)).await
}

async fn prefix_and_body_are_configured(db: Backend) {
    let server = with_keys(db, |keys| {
        keys.prefix = "so_".into();
        keys.body = KeyBody::Hex;
        keys.length = 40;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let body = key.plaintext.strip_prefix("so_").expect("the prefix");
    assert!(body.len() == 48 && body.bytes().all(|byte| byte.is_ascii_hexdigit()), "{body}");
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}

async fn a_key_is_taken_from_the_configured_headers_only(db: Backend) {
    let server = with_keys(db, |keys| keys.headers = vec!["soku-api-key".into()]).await;
    let standard =
        server.another(|config| config.keys.headers = vec!["Authorization".into(), "X-API-Key".into()]).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    server.get("/v1/whoami").header("soku-api-key", &key).send().await.expect(200);
    server.get("/v1/whoami").header("x-api-key", &key).send().await.expect_error(401, "missing_credentials");
    server.get("/v1/whoami").bearer(&key).send().await.expect_error(401, "invalid_id_token");
    standard.get("/v1/whoami").header("X-API-Key", &key).send().await.expect(200);
    standard.get("/v1/whoami").bearer(&key).send().await.expect(200);
    let both = standard.get("/v1/whoami").bearer(&key).header("x-api-key", &key);
    both.send().await.expect_error(400, "bad_request");
}

async fn only_the_configured_roles_create_keys(db: Backend) {
    let server = with_keys(db, |keys| keys.min_creator_role = "admin".parse().expect("a role")).await;
    let strict = server.another(|config| {
        config.keys.min_creator_role = "organization_admin".parse().expect("a role");
    });
    let strict = strict.await;
    let tenant = Tenant::new(&server).await;
    let (editor, admin) = (tenant.add_to_workspace("editor").await, tenant.add_to_workspace("admin").await);
    let path = tenant.workspace_path("/api-keys");
    let before = dump(&server.database);
    let refused = server.post(&path).bearer(&editor.id_token).json(json!({})).send().await;
    refused.expect_error(403, "insufficient_permission");
    let refused = strict.post(&path).bearer(&admin.id_token).json(json!({})).send().await;
    refused.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    server.post(&path).bearer(&admin.id_token).json(json!({})).send().await.expect(201);
    strict.post(&path).bearer(&tenant.owner.id_token).json(json!({})).send().await.expect(201);
}

async fn only_the_configured_scopes_exist(db: Backend) {
    let server = with_keys(db, |keys| keys.scopes = vec!["read_only".parse().expect("a scope")]).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(key.body["scope"], "read_only");
    let full = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    let refused = full.json(json!({"scope": "full"})).send().await.expect_error(422, "validation_failed");
    assert_eq!(refused["error"]["details"][0]["field"], "scope");
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["permissions"], json!(["workspace:read", "members:read", "content:read"]));
}

async fn a_key_works_only_from_its_addresses(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"allowedIps": ["10.0.0.0/8"]})).await;
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "ip_not_allowed");
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
    let changed = change.json(json!({"allowedIps": ["10.0.0.0/8", "127.0.0.1"]})).send().await.expect(200);
    assert_eq!(changed["allowedIps"], json!(["10.0.0.0/8", "127.0.0.1/32"]));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
    change.json(json!({"allowedIps": ["nowhere"]})).send().await.expect_error(422, "validation_failed");
}

async fn the_forwarded_address_counts_behind_a_trusted_proxy_only(db: Backend) {
    let server = Server::start(db).await;
    let behind = server.another(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a block")];
    });
    let behind = behind.await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({"allowedIps": ["203.0.113.0/24"]})).await.plaintext;
    let from =
        |node: &Server, address: &str| node.get("/v1/whoami").bearer(&key).header("x-forwarded-for", address).send();
    from(&server, "203.0.113.7").await.expect_error(403, "ip_not_allowed");
    from(&behind, "203.0.113.7").await.expect(200);
    from(&behind, "203.0.113.7, 198.51.100.1").await.expect_error(403, "ip_not_allowed");
}

async fn keys_manage_keys_only_where_configured(db: Backend) {
    let server = Server::start(db).await;
    let open = server.another(|config| config.keys.manage_with_keys = true).await;
    let tenant = Tenant::new(&server).await;
    let other = Tenant::new(&server).await;
    let full = tenant.create_key(&tenant.owner, json!({})).await;
    let reader = tenant.create_key(&tenant.owner, json!({"scope": "read_only"})).await;
    let path = tenant.workspace_path("/api-keys");
    let before = dump(&server.database);
    server.get(&path).bearer(&full.plaintext).send().await.expect_error(403, "credential_not_accepted");
    let create = |token: &str| open.post(&path).bearer(token).json(json!({"label": "By a key"})).send();
    create(&reader.plaintext).await.expect_error(403, "read_only_key");
    let foreign = open.get(&other.workspace_path("/api-keys")).bearer(&full.plaintext).send().await;
    foreign.expect_error(404, "not_found");
    let elsewhere = open.get(&tenant.workspace_path("/members")).bearer(&full.plaintext).send().await;
    elsewhere.expect_error(403, "credential_not_accepted");
    assert_unchanged(&before, &server.database);
    open.get(&path).bearer(&reader.plaintext).send().await.expect(200);
    let made = create(&full.plaintext).await.expect(201);
    assert_eq!(made["createdBy"], tenant.owner.user_id.as_str());
    let delete = open.delete(&format!("{path}/{}", made.text_at("/id"))).bearer(&full.plaintext);
    delete.send().await.expect(204);
}
