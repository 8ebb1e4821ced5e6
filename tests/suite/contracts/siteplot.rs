//! SitePlot: an API that programs only read, errors with a title, keys made by organization admins.

use super::{curl, server};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    siteplots_documented_requests_list_the_forms,
    siteplots_four_errors_are_as_documented,
    siteplots_keys_read_every_resource_and_write_none,
    siteplots_submissions_belong_to_their_form,
    siteplots_keys_are_made_by_organization_admins_alone,
    siteplots_keys_are_read_only_whatever_is_asked_for,
    siteplots_revocation_deactivates_at_once,
    siteplots_key_reads_as_much_as_its_creator,
    siteplots_key_is_shown_once,
    siteplots_keys_can_be_audited_and_rotated,
];

const TEST: &str = r#"curl -X GET "https://your-domain.com/api/v1/forms?pageSize=1" \
  -H "Authorization: Bearer YOUR_API_KEY""#;

const EXAMPLE: &str = r#"curl -X GET "https://your-domain.com/api/v1/forms" \
  -H "Authorization: Bearer sk_live_1234567890abcdef" \
  -H "Content-Type: application/json""#;

async fn forms(server: &Server, header: &str) -> curl::Printed {
    let documented = r#"-H "Authorization: Bearer YOUR_API_KEY""#;
    curl::run(server, TEST, &[("https://your-domain.com", &server.url("")), (documented, header)]).await
}

fn bearer(key: &str) -> String {
    format!(r#"-H "Authorization: Bearer {key}""#)
}

async fn tenant_with_key(server: &Server) -> (Tenant<'_>, Key) {
    let tenant = Tenant::new(server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Website" })).await;
    (tenant, key)
}

async fn siteplots_documented_requests_list_the_forms(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    assert!(key.plaintext.starts_with("sk_live_"));
    for title in ["Contact", "Survey"] {
        tenant.add_document("/forms", json!({ "title": title })).await;
    }
    let host = server.url("");
    let one = forms(&server, &bearer(&key.plaintext)).await;
    assert_eq!((one.status, one.body["data"].as_array().map(Vec::len)), (200, Some(1)));
    assert!(one.body["nextCursor"].is_string());
    let own = [("https://your-domain.com", host.as_str()), ("sk_live_1234567890abcdef", &key.plaintext)];
    let all = curl::run(&server, EXAMPLE, &own).await;
    assert_eq!((all.status, all.body["data"].as_array().map(Vec::len)), (200, Some(2)));
}

async fn siteplots_four_errors_are_as_documented(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, inactive) = tenant_with_key(&server).await;
    let revoked = tenant.create_key(&tenant.owner, json!({})).await;
    for (key, how) in [(&inactive, "/disable"), (&revoked, "/revoke")] {
        server.post(&tenant.key_path(key, how)).bearer(&tenant.owner.id_token).send().await.expect(200);
    }
    let body = |error: &str, message: &str| json!({ "error": error, "message": message });
    let missing = body(
        "Missing authorization header",
        "Please provide an API key in the Authorization header as \"Bearer YOUR_API_KEY\"",
    );
    let malformed =
        body("Invalid authorization format", "Authorization header must be in the format \"Bearer YOUR_API_KEY\"");
    let invalid = body("Invalid API key", "The provided API key is invalid or has been revoked");
    let deactivated = body("API key inactive", "The provided API key has been deactivated");
    let cases: [(String, &Value); 7] = [
        (String::new(), &missing),
        (r#"-H "Authorization: Basic YOUR_API_KEY""#.to_owned(), &malformed),
        (r#"-H "Authorization: sk_live_1234567890abcdef""#.to_owned(), &malformed),
        (bearer("YOUR_API_KEY"), &invalid),
        (bearer("sk_live_1234567890abcdef"), &invalid),
        (bearer(&revoked.plaintext), &invalid),
        (bearer(&inactive.plaintext), &deactivated),
    ];
    let before = dump(&server.database);
    for (header, expected) in cases {
        let printed = forms(&server, &header).await;
        assert_eq!((printed.status, &printed.body), (401, expected), "{expected}");
    }
    assert_unchanged(&before, &server.database);
}

async fn siteplots_keys_read_every_resource_and_write_none(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    let form = tenant.add_document("/forms", json!({ "title": "Contact" })).await;
    let submissions = format!("/forms/{form}/submissions");
    for collection in ["/forms", "/pages", "/redirects", &submissions] {
        let id = tenant.add_document(collection, json!({ "title": "x" })).await;
        let (list, one) = (format!("/api/v1{collection}"), format!("/api/v1{collection}/{id}"));
        for path in [&list, &one] {
            server.get(path).bearer(&key.plaintext).send().await.expect(200);
        }
        let before = dump(&server.database);
        for (method, path) in [("POST", &list), ("PUT", &one), ("PATCH", &one), ("DELETE", &one)] {
            let request = server.request(method.parse().expect("a method"), path).bearer(&key.plaintext);
            // A deletion takes no body.
            let request = if method == "DELETE" { request } else { request.json(json!({ "title": "y" })) };
            let refused = request.send().await.expect(403);
            assert!(refused.body["error"].is_string() && refused.body["message"].is_string(), "{}", refused.text);
        }
        assert_unchanged(&before, &server.database);
    }
}

async fn siteplots_submissions_belong_to_their_form(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    let contact = tenant.add_document("/forms", json!({})).await;
    let survey = tenant.add_document("/forms", json!({})).await;
    let id = tenant.add_document(&format!("/forms/{contact}/submissions"), json!({ "email": "a@example.com" })).await;
    let list = async |form: &str| {
        server.get(&format!("/api/v1/forms/{form}/submissions")).bearer(&key.plaintext).send().await.expect(200)
    };
    assert_eq!(list(&contact).await.text_at("/data/0/id"), id);
    assert_eq!(list(&survey).await.body["data"], json!([]));
    server.get(&format!("/api/v1/forms/{survey}/submissions/{id}")).bearer(&key.plaintext).send().await.expect(404);
}

async fn siteplots_keys_are_made_by_organization_admins_alone(db: Backend) {
    let server = server(db, "siteplot").await;
    let tenant = Tenant::new(&server).await;
    let before_members = ["viewer", "editor", "admin"];
    for role in before_members {
        let member = tenant.add_to_workspace(role).await;
        let before = dump(&server.database);
        let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&member.id_token).json(json!({}));
        create.send().await.expect(403);
        assert_unchanged(&before, &server.database);
    }
    let admin = tenant.add_member("admin", &[]).await;
    tenant.create_key(&admin, json!({ "name": "By a Global Administrator" })).await;
    tenant.create_key(&tenant.owner, json!({})).await;
}

async fn siteplots_keys_are_read_only_whatever_is_asked_for(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    assert_eq!(key.body["scope"], "read_only");
    let before = dump(&server.database);
    let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    create.json(json!({ "scope": "full" })).send().await.expect(422);
    assert_unchanged(&before, &server.database);
    let whoami = server.get("/api/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami.body["permissions"], json!(["workspace:read", "members:read", "content:read"]));
}

async fn siteplots_revocation_deactivates_at_once(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    assert_eq!(forms(&server, &bearer(&key.plaintext)).await.status, 200);
    server.post(&tenant.key_path(&key, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let printed = forms(&server, &bearer(&key.plaintext)).await;
    assert_eq!((printed.status, &printed.body["error"]), (401, &json!("API key inactive")));
}

async fn siteplots_key_reads_as_much_as_its_creator(db: Backend) {
    let server = server(db, "siteplot").await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let key = tenant.create_key(&admin, json!({})).await;
    assert_eq!(forms(&server, &bearer(&key.plaintext)).await.status, 200);
    let path = tenant.organization_path(&format!("/members/{}", admin.user_id));
    let demote = server.patch(&path).bearer(&tenant.owner.id_token).json(json!({ "role": "member" }));
    demote.send().await.expect(200);
    // A plain member sees no workspace that it was not added to; neither does its key.
    assert_eq!(forms(&server, &bearer(&key.plaintext)).await.status, 401);
}

async fn siteplots_key_is_shown_once(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, key) = tenant_with_key(&server).await;
    let listed =
        server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!((listed.text_at("/data/0/name"), listed.text_at("/data/0/status")), ("Website".into(), "active".into()));
    assert!(!listed.text.contains(&key.plaintext));
}

async fn siteplots_keys_can_be_audited_and_rotated(db: Backend) {
    let server = server(db, "siteplot").await;
    let (tenant, old) = tenant_with_key(&server).await;
    assert_eq!(forms(&server, &bearer(&old.plaintext)).await.status, 200);
    let shown = server.get(&tenant.key_path(&old, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(shown.body["lastUsedAt"].is_string());
    let new = tenant.create_key(&tenant.owner, json!({ "name": "Website, new" })).await;
    server.post(&tenant.key_path(&old, "/disable")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(forms(&server, &bearer(&new.plaintext)).await.status, 200);
}
