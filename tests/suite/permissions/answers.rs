//! What gateways and collections make of permissions.

use super::{add_role, configure, server};
use crate::gateway::Gateway;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::policy::MAX_HEADER_BYTES;
use serde_json::json;

tests![
    verify_answers_for_the_products_permissions,
    verify_refuses_what_is_not_declared,
    a_client_address_counts_for_keys_that_are_bound,
    forward_auth_names_the_permissions_and_takes_rules_with_them,
    a_list_that_is_too_long_for_a_header_ends_at_a_whole_name,
    a_collection_has_permissions_of_its_own,
    a_permission_that_is_no_longer_declared_gives_nothing,
];

async fn verify_answers_for_the_products_permissions(db: Backend) {
    let server = server(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let role = add_role(&tenant, "Clerk", &["invoices:read", "invoices:void", "keys:own"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let key = tenant.create_key(&clerk, json!({})).await.plaintext;
    // The second time from the cache.
    for _ in 0..2 {
        for (wanted, code) in [
            (json!({ "permission": "invoices:void" }), "VALID"),
            (json!({ "permission": "invoices:write" }), "INSUFFICIENT_PERMISSION"),
            (json!({ "permissions": { "all": ["invoices:read", "invoices:void"] } }), "VALID"),
            (json!({ "permissions": { "all": ["invoices:read", "invoices:write"] } }), "INSUFFICIENT_PERMISSION"),
            (json!({ "permissions": { "any": ["invoices:write", "invoices:void"] } }), "VALID"),
            (json!({ "permissions": { "any": ["invoices:write", "content:read"] } }), "INSUFFICIENT_PERMISSION"),
            (json!({ "permissions": { "all": ["invoices:read"], "any": ["invoices:void"] } }), "VALID"),
            (
                json!({ "permission": "content:read", "permissions": { "all": ["invoices:read"] } }),
                "INSUFFICIENT_PERMISSION",
            ),
        ] {
            let mut question = wanted.clone();
            question["key"] = json!(key);
            let answer = gateway.verify(question).await;
            assert_eq!(answer["code"], code, "{wanted}");
            assert_eq!(answer["permissions"], json!(["keys:own", "invoices:read", "invoices:void"]));
            assert_eq!(answer["role"], role.as_str());
        }
    }
}

async fn verify_refuses_what_is_not_declared(db: Backend) {
    let server = server(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    for (wanted, field) in [
        (json!({ "permission": "invoices:pay" }), "permission"),
        (json!({ "permission": "x".repeat(101) }), "permission"),
        (json!({ "permissions": { "all": ["invoices:read", "invoices:pay"] } }), "permissions.all[1]"),
        (json!({ "permissions": { "any": [] } }), "permissions.any"),
        (json!({ "permissions": {} }), "permissions"),
    ] {
        let mut question = wanted.clone();
        question["key"] = json!(key);
        let refused = gateway.ask(question).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{wanted}");
    }
}

async fn a_client_address_counts_for_keys_that_are_bound(db: Backend) {
    let server = server(db).await;
    let (tenant, gateway) = (Tenant::new(&server).await, Gateway::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await.plaintext;
    for _ in 0..2 {
        for (address, code) in
            [(json!(null), "IP_NOT_ALLOWED"), (json!("203.0.113.7"), "VALID"), (json!("203.0.114.7"), "IP_NOT_ALLOWED")]
        {
            let answer = gateway.verify(json!({ "key": key, "clientAddress": address })).await;
            assert_eq!(answer["code"], code, "{address}");
        }
    }
}

async fn forward_auth_names_the_permissions_and_takes_rules_with_them(db: Backend) {
    let server = Server::with(db, |config| {
        configure(config);
        let rule = [("*".to_owned(), "invoices:void".to_owned())].into();
        config.gateway.paths = [("/void".to_owned(), rule)].into();
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let role = add_role(&tenant, "Clerk", &["invoices:read", "invoices:void", "keys:own"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let may = tenant.create_key(&clerk, json!({})).await.plaintext;
    let reads = tenant.create_key(&clerk, json!({ "scope": "read_only" })).await.plaintext;
    let listed = tenant.create_key(&clerk, json!({ "permissions": ["invoices:read"] })).await.plaintext;
    let ask = async |key: &str, uri: &str, query: &str| {
        let request = server.get(&format!("/v1/forward-auth{query}")).bearer(key);
        request.header("x-forwarded-method", "POST").header("x-forwarded-uri", uri).send().await
    };
    for _ in 0..2 {
        let answer = ask(&may, "/void", "").await.expect(200);
        assert_eq!(answer.header("x-keyward-permissions"), Some("keys:own,invoices:read,invoices:void"));
        assert_eq!(answer.header("x-keyward-role"), Some(&*role));
        ask(&reads, "/void", "").await.expect_error(403, "read_only_key");
        ask(&listed, "/void", "").await.expect_error(403, "insufficient_permission");
        let answer = ask(&listed, "/else", "?permission=invoices:read").await.expect(200);
        assert_eq!(answer.header("x-keyward-permissions"), Some("invoices:read"));
        ask(&listed, "/else", "?permission=invoices:write").await.expect_error(403, "insufficient_permission");
        ask(&listed, "/else", "?permission=invoices:pay").await.expect_error(400, "bad_request");
    }
}

async fn a_list_that_is_too_long_for_a_header_ends_at_a_whole_name(db: Backend) {
    let names: Vec<String> = (0..192).map(|number| format!("{}:n{number:03}", "long-name".repeat(8))).collect();
    let declared = names.clone();
    let server = Server::with(db, move |config| {
        let permissions = declared.iter().map(|name| format!("{name:?} = {{ least_role = \"viewer\" }}\n"));
        config.permissions = toml::from_str(&permissions.collect::<String>()).expect("permissions");
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let answer = server.get("/v1/forward-auth").bearer(&key).send().await.expect(200);
    let header = answer.header("x-keyward-permissions").expect("the header").to_owned();
    assert!(header.len() <= MAX_HEADER_BYTES && header.len() > MAX_HEADER_BYTES - 100, "{}", header.len());
    let shown: Vec<&str> = header.split(',').collect();
    let all = super::effective(&server, &key).await.expect("it works");
    assert_eq!(shown, all[..shown.len()]);
    assert!(all.len() > shown.len() && all.contains(&names[191]));
}

async fn a_collection_has_permissions_of_its_own(db: Backend) {
    let server = Server::with(db, |config| {
        configure(config);
        let text =
            "[posts]\n[content]\n[bills]\nread_permission = \"invoices:read\"\nwrite_permission = \"invoices:void\"";
        config.collections = toml::from_str(text).expect("collections");
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let full = tenant.create_key(&editor, json!({})).await.plaintext;
    let writer = tenant.create_key(&editor, json!({ "permissions": ["posts:write"] })).await.plaintext;
    let reader = tenant.create_key(&editor, json!({ "permissions": ["posts:read", "content:read"] })).await.plaintext;
    let post = async |key: &str, path: &str| server.post(path).bearer(key).json(json!({ "a": 1 })).send().await;
    let get = async |key: &str, path: &str| server.get(path).bearer(key).send().await;
    for key in [&full, &writer] {
        post(key, "/v1/posts").await.expect(201);
    }
    post(&reader, "/v1/posts").await.expect_error(403, "insufficient_permission");
    get(&reader, "/v1/posts").await.expect(200);
    get(&writer, "/v1/posts").await.expect_error(403, "insufficient_permission");
    // Its own permissions would have the names of Keyward's: it takes these.
    get(&reader, "/v1/content").await.expect(200);
    get(&writer, "/v1/content").await.expect_error(403, "insufficient_permission");
    get(&full, "/v1/bills").await.expect(200);
    post(&full, "/v1/bills").await.expect_error(403, "insufficient_permission");
    let clerk = tenant.add_to_workspace(&add_role(&tenant, "Clerk", &["invoices:void", "keys:own"]).await).await;
    let clerks = tenant.create_key(&clerk, json!({})).await.plaintext;
    post(&clerks, "/v1/bills").await.expect(201);
    let people = server.get(&tenant.workspace_path("/posts")).bearer(&clerk.id_token).send().await;
    people.expect_error(403, "insufficient_permission");
}

async fn a_permission_that_is_no_longer_declared_gives_nothing(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let role = add_role(&tenant, "Clerk", &["keys:own", "invoices:void"]).await;
    let clerk = tenant.add_to_workspace(&role).await;
    let key = tenant.create_key(&clerk, json!({ "permissions": ["invoices:void", "keys:own"] })).await;
    // A node with the next configuration.
    let next = server.another(|config| _ = config.permissions.remove("invoices:void")).await;
    assert_eq!(super::effective(&next, &key.plaintext).await.expect("it works"), ["keys:own"]);
    let gateway = Gateway::new(&next).await;
    gateway
        .ask(json!({ "key": key.plaintext, "permission": "invoices:void" }))
        .await
        .expect_error(422, "validation_failed");
    let path = tenant.organization_path(&format!("/roles/{role}"));
    let shown = next.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(shown["permissions"], json!(["keys:own", "invoices:void"]));
}
