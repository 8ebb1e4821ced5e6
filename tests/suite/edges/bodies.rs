//! A body that a route does not take is refused, and changes nothing: it is never read as if it had said nothing.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::collections::BTreeSet;

tests![a_route_without_a_body_refuses_one_with_content, an_empty_body_is_none];

/// The operations of the document that write and declare no body, of keys and of workspaces.
async fn without_body(server: &Server, tenant: &Tenant<'_>, key: &str) -> Vec<(String, String)> {
    let document = server.get("/openapi.json").send().await.expect(200).body;
    let mut found = Vec::new();
    for (template, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let is_write = ["post", "put", "patch", "delete"].contains(&method.as_str());
            if !is_write || !operation["requestBody"].is_null() || !template.starts_with("/v1/") {
                continue;
            }
            let path = template
                .replace("{organizationId}", &tenant.organization_id)
                .replace("{workspaceId}", &tenant.workspace_id)
                .replace("{userId}", &tenant.owner.user_id)
                .replace("{keyId}", key)
                .replace("{sessionId}", "ses_01k4w5c9q2e0vb7m3t8z6r1xhd")
                .replace("{roleId}", "role_01k4w5c9q2e0vb7m3t8z6r1xhd")
                .replace("{invitationId}", "inv_01k4w5c9q2e0vb7m3t8z6r1xhd");
            assert!(!path.contains('{'), "a value for {template}");
            found.push((method.to_uppercase(), path));
        }
    }
    found
}

async fn a_route_without_a_body_refuses_one_with_content(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let routes = without_body(&server, &tenant, &key.id).await;
    let names: BTreeSet<&str> = routes.iter().filter_map(|(_, path)| path.rsplit('/').next()).collect();
    assert!(["enable", "resend"].iter().all(|name| names.contains(name)), "{names:?}");
    assert!(routes.len() > 8, "{routes:?}");
    let before = dump(&server.database);
    for (method, path) in &routes {
        for body in [json!({ "reason": "leaked" }), json!([1]), json!("leaked")] {
            let request = server.request(method.parse().expect("a method"), path);
            let credential = if path.ends_with("/whoami/revoke") { &key.plaintext } else { &tenant.owner.id_token };
            let refused = request.bearer(credential).json(body).send().await.expect_error(422, "validation_failed");
            assert_eq!(refused["error"]["details"][0]["field"], "body", "{method} {path}: {}", refused.text);
            assert!(refused.text_at("/error/message").contains("takes no body"), "{}", refused.text);
        }
        // An unknown caller's body is not looked at.
        let request = server.request(method.parse().expect("a method"), path).json(json!({ "reason": "leaked" }));
        request.send().await.expect_error(401, "missing_credentials");
    }
    assert_unchanged(&before, &server.database);
}

async fn an_empty_body_is_none(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for body in [Value::Null, json!({})] {
        for action in ["/disable", "/enable"] {
            let request = server.post(&tenant.key_path(&key, action)).bearer(&tenant.owner.id_token);
            request.json(body.clone()).send().await.expect(200);
        }
    }
    let request = server.post("/v1/whoami/revoke").bearer(&key.plaintext);
    request.header("content-type", "application/json").body(" \r\n").send().await.expect(204);
}
