//! Blanks and invisible characters come along when a person pastes: at the ends they mean nothing.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::{User, service_token, verify_email};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![pasted_ends_of_keys_and_tokens_are_trimmed, a_name_of_invisible_characters_is_refused];

/// What comes along: blanks of several kinds, and characters of no width.
const ENDS: [&str; 7] = [" ", "\t\r\n", "\u{a0}", "\u{200b}", "\u{feff}", "\u{ad}", "\u{2060}\u{3000} \u{200e}"];

async fn pasted_ends_of_keys_and_tokens_are_trimmed(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let service = service_token(&server.database).await;
    for (number, end) in ENDS.into_iter().enumerate() {
        let pasted = format!("{end}{}{end}", key.plaintext);
        let verify = server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": pasted }));
        assert_eq!(verify.send().await.expect(200)["code"], "VALID", "{end:?}");
        let email = format!("guest-{number}@example.com");
        let token = tenant.invite(&email, "member", &[]).await.text_at("/token");
        let mut guest = User::sign_up_as(&server, &email).await;
        verify_email(&server, &mut guest).await;
        let accept = server.post("/v1/invitations/accept").bearer(&guest.id_token);
        accept.json(json!({ "token": format!("{end}{token}{end}") })).send().await.expect(200);
    }
    let inside = format!("{}\u{200b}{}", &key.plaintext[..20], &key.plaintext[20..]);
    let verify = server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": inside }));
    assert_eq!(verify.send().await.expect(200)["code"], "NOT_FOUND", "only the ends");
    let leaked = server.post("/v1/keys/revoke-leaked").bearer(&service);
    let report = json!([{ "token": format!(" {}\u{200b}", key.plaintext), "type": "keyward_api_key" }]);
    leaked.json(report).send().await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
}

async fn a_name_of_invisible_characters_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = dump(&server.database);
    for name in
        ["", " ", "\u{200b}", "\u{ad}", "\u{200b}\u{ad} \u{2060}", "\u{3164}", "\u{2800}", "\u{fe0f}", "\u{200d}"]
    {
        for (path, body) in [
            ("/v1/organizations".to_owned(), json!({ "name": name })),
            (tenant.organization_path("/workspaces"), json!({ "name": name })),
            (tenant.workspace_path("/api-keys"), json!({ "name": name })),
        ] {
            let request = server.post(&path).bearer(&tenant.owner.id_token).json(body);
            let refused = request.send().await.expect_error(422, "validation_failed");
            assert_eq!(refused["error"]["details"][0]["field"], "name", "{name:?}: {}", refused.text);
        }
    }
    assert_unchanged(&before, &server.database);
    for (name, kept) in
        [("\u{200b} Acme\u{ad}\u{a0}", "Acme"), ("❤\u{fe0f}", "❤\u{fe0f}"), ("a\u{200d}b", "a\u{200d}b")]
    {
        let request = server.post("/v1/organizations").bearer(&tenant.owner.id_token).json(json!({ "name": name }));
        assert_eq!(request.send().await.expect(201)["name"], kept);
    }
}
