//! Users and tenants that a backend makes, for people without an ID token.

use crate::identity::foreigners::Foreigners;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::{EVERYTHING, User, backend_token, verify_email};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};

tests![
    a_user_is_made_once_and_changed_by_what_is_sent,
    a_user_of_the_built_in_provider_stays_as_the_account_is,
    a_verified_address_of_an_issuers_user_stays,
    a_tenant_is_made_with_an_owner_who_is_created_if_new,
    what_can_not_be_a_user_or_a_tenant_is_refused_and_changes_nothing,
    a_user_becomes_a_member_and_an_organization_keeps_an_owner,
];

async fn put(server: &Server, token: &str, body: Value) -> Answer {
    server.put("/v1/users").bearer(token).json(body).send().await
}

async fn a_user_is_made_once_and_changed_by_what_is_sent(db: Backend) {
    let server = Server::start(db).await;
    let token = backend_token(&server.database, "users:write", &[]).await;
    let whole = json!({ "issuer": "external", "subject": "4711", "email": "Ada@Example.com", "name": " Ada " });
    let made = put(&server, &token, whole.clone()).await.expect(200);
    let id = made.text_at("/id");
    let shown = |email: Value, name: Value| {
        json!({
            "id": id, "issuer": "external", "subject": "4711", "email": email, "emailVerified": false, "name": name,
            "status": "active",
        })
    };
    assert_eq!(made.body, shown(json!("ada@example.com"), json!("Ada")));
    let before = dump(&server.database);
    assert_eq!(put(&server, &token, whole).await.expect(200).body, made.body);
    assert_unchanged(&before, &server.database);
    let named = json!({ "issuer": "external", "subject": "4711", "name": "Ada Lovelace" });
    let named = put(&server, &token, named).await.expect(200);
    assert_eq!(named.body, shown(json!("ada@example.com"), json!("Ada Lovelace")));
    let cleared = json!({ "issuer": "external", "subject": "4711", "email": null });
    assert_eq!(put(&server, &token, cleared).await.expect(200).body, shown(Value::Null, json!("Ada Lovelace")));
    // Many at once make one user.
    let many = (0..8).map(|_| put(&server, &token, json!({ "issuer": "external", "subject": "4712" })));
    let ids: Vec<String> =
        futures_util::future::join_all(many).await.into_iter().map(|made| made.expect(200).text_at("/id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

async fn a_user_of_the_built_in_provider_stays_as_the_account_is(db: Backend) {
    let server = Server::start(db).await;
    let mut person = User::sign_up(&server).await;
    verify_email(&server, &mut person).await;
    server.get("/v1/me").bearer(&person.id_token).send().await.expect(200);
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let before = dump(&server.database);
    let same = json!({ "issuer": "builtin", "subject": person.local_id, "email": person.email });
    let known = put(&server, &token, same).await.expect(200);
    assert_eq!((known.text_at("/id"), &known["emailVerified"]), (person.user_id.clone(), &json!(true)));
    for (field, value) in [("email", json!("mallory@example.com")), ("email", Value::Null), ("name", json!("Mallory"))]
    {
        let body = json!({ "issuer": "builtin", "subject": person.local_id, field: value });
        let refused = put(&server, &token, body).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{}", refused.text);
    }
    let nobody = json!({ "issuer": "builtin", "subject": "nobody" });
    put(&server, &token, nobody.clone()).await.expect_error(422, "validation_failed");
    let body = json!({ "name": "Acme", "owner": nobody });
    server.post("/v1/organizations").bearer(&token).json(body).send().await.expect_error(422, "validation_failed");
    assert_unchanged(&before, &server.database);
    // The account can own a tenant.
    let body = json!({ "name": "Acme", "owner": { "issuer": "builtin", "subject": person.local_id } });
    let made = server.post("/v1/organizations").bearer(&token).json(body).send().await.expect(201);
    let me = server.get("/v1/me").bearer(&person.id_token).send().await.expect(200);
    assert_eq!(me["organizations"][0]["id"], made["id"]);
}

async fn a_verified_address_of_an_issuers_user_stays(db: Backend) {
    let foreigners = Foreigners::of_oidc();
    let settings = foreigners.settings();
    let server = Server::with(db, |config| config.identity.issuers = vec![settings]).await;
    let issuer = foreigners.settings().name();
    let token = backend_token(&server.database, "users:write", &[]).await;
    let person = foreigners.newcomer(&server).await;
    let before = dump(&server.database);
    for email in [json!("mallory@example.com"), Value::Null] {
        let body = json!({ "issuer": issuer, "subject": person.local_id, "email": email });
        put(&server, &token, body).await.expect_error(409, "conflict");
    }
    assert_unchanged(&before, &server.database);
    let body = json!({ "issuer": issuer, "subject": person.local_id, "email": person.email, "name": "Ada" });
    let named = put(&server, &token, body).await.expect(200);
    assert_eq!((&named["emailVerified"], &named["name"]), (&json!(true), &json!("Ada")));
    // One who has not signed in yet is found by the first ID token, and the claim was never a verified one.
    let early = json!({ "issuer": issuer, "subject": "early", "email": "victim@example.com" });
    let early = put(&server, &token, early).await.expect(200);
    assert_eq!(early["emailVerified"], false);
}

async fn a_tenant_is_made_with_an_owner_who_is_created_if_new(db: Backend) {
    let server = Server::start(db).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let create = async |key: &str, owner: Value| {
        let request = server.post("/v1/organizations").bearer(&token).header("idempotency-key", key);
        request.json(json!({ "name": "Acme", "owner": owner })).send().await
    };
    let owner = json!({ "subject": "4711", "email": "ada@example.com", "name": "Ada" });
    let made = create("one", owner.clone()).await.expect(201);
    assert_eq!((&made["name"], &made["role"]), (&json!("Acme"), &json!("owner")));
    let again = create("one", owner).await.expect(200);
    assert_eq!(again["id"], made["id"]);
    let members = async |id: &str| {
        let path = format!("/v1/organizations/{id}/members");
        server.get(&path).bearer(&token).send().await.expect(200)["data"].clone()
    };
    let first = members(&made.text_at("/id")).await;
    assert_eq!((&first[0]["email"], &first[0]["role"]), (&json!("ada@example.com"), &json!("owner")));
    // An owner who is there already stays as it is.
    let second = create("two", json!({ "issuer": "external", "subject": "4711", "email": "eve@example.com" })).await;
    let second = members(&second.expect(201).text_at("/id")).await;
    assert_eq!((&second[0]["id"], &second[0]["email"]), (&first[0]["id"], &json!("ada@example.com")));
    assert_eq!(second.as_array().map(Vec::len), Some(1));
    let listed = server.get("/v1/organizations").bearer(&token).send().await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
}

async fn what_can_not_be_a_user_or_a_tenant_is_refused_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let mut disabled = User::sign_up(&server).await;
    verify_email(&server, &mut disabled).await;
    process::run(&server.database, &["user", "disable", &disabled.email]).await;
    let before = dump(&server.database);
    let users = [
        (json!({ "issuer": "https://elsewhere.example", "subject": "1" }), "issuer"),
        (json!({ "issuer": "", "subject": "1" }), "issuer"),
        (json!({ "issuer": "external", "subject": "" }), "subject"),
        (json!({ "issuer": "external", "subject": "a\nb" }), "subject"),
        (json!({ "issuer": "external", "subject": "x".repeat(256) }), "subject"),
        (json!({ "issuer": "external", "subject": "1", "email": "nobody" }), "email"),
        (json!({ "issuer": "external", "subject": "1", "name": "\u{200b}" }), "name"),
        (json!({ "issuer": "external", "subject": "1", "name": "x".repeat(257) }), "name"),
        (json!({ "issuer": "external", "subject": "1", "emailVerified": true }), "emailVerified"),
        (json!({ "issuer": "external" }), "body"),
    ];
    for (body, field) in users {
        let refused = put(&server, &token, body.clone()).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{body}: {}", refused.text);
    }
    let tenants = [
        (json!({ "name": "Acme" }), "owner"),
        (json!({ "name": "", "owner": { "subject": "1" } }), "name"),
        (json!({ "name": "Acme", "owner": { "subject": "1", "issuer": "nowhere" } }), "owner.issuer"),
        (json!({ "name": "Acme", "owner": { "subject": "" } }), "owner.subject"),
        (json!({ "name": "Acme", "owner": { "issuer": "builtin", "subject": disabled.local_id } }), "owner"),
    ];
    for (body, field) in tenants {
        let refused = server.post("/v1/organizations").bearer(&token).json(body.clone()).send().await;
        let refused = refused.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{body}: {}", refused.text);
    }
    let body = json!({ "name": "Acme", "owner": { "subject": "1" } });
    let by_person = server.post("/v1/organizations").bearer(&tenant.owner.id_token).json(body.clone()).send().await;
    by_person.expect_error(422, "validation_failed");
    for path in ["/v1/organizations", "/v1/users"] {
        let method = if path.ends_with("users") { reqwest::Method::PUT } else { reqwest::Method::POST };
        let request = server.request(method, path).bearer(&token).json(body.clone());
        let request = request.header("keyward-on-behalf-of", &tenant.owner.user_id);
        request.send().await.expect_error(400, "bad_request");
    }
    assert_unchanged(&before, &server.database);
}

async fn a_user_becomes_a_member_and_an_organization_keeps_an_owner(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let bound = backend_token(&server.database, EVERYTHING, &["--organization", &tenant.organization_id]).await;
    let user = put(&server, &token, json!({ "issuer": "external", "subject": "1" })).await.expect(200).text_at("/id");
    let set = async |token: &str, user: &str, role: &str, member: Option<&str>| {
        let request = server.put(&tenant.organization_path(&format!("/members/{user}"))).bearer(token);
        let request = member.into_iter().fold(request, |request, id| request.header("keyward-on-behalf-of", id));
        request.json(json!({ "role": role })).send().await
    };
    let admin = tenant.add_member("admin", &[]).await;
    let before = dump(&server.database);
    set(&bound, &user, "member", None).await.expect_error(404, "not_found");
    set(&token, "usr_01k4w5c9q2e0vb7m3t8z6r1xhd", "member", None).await.expect_error(404, "not_found");
    set(&token, &user, "owner", Some(&admin.user_id)).await.expect_error(403, "insufficient_permission");
    set(&token, &tenant.owner.user_id, "member", None).await.expect_error(409, "last_owner");
    set(&tenant.owner.id_token, &user, "member", None).await.expect_error(403, "credential_not_accepted");
    assert_unchanged(&before, &server.database);
    assert_eq!(set(&token, &user, "member", Some(&admin.user_id)).await.expect(200)["role"], "member");
    // Once more changes nothing, and records nothing.
    let before = dump(&server.database);
    set(&token, &user, "member", None).await.expect(200);
    let after = dump(&server.database);
    for table in ["organization_members", "audit_events"] {
        assert_eq!(before[table], after[table]);
    }
    assert_eq!(set(&bound, &user, "admin", None).await.expect(200)["role"], "admin");
}
