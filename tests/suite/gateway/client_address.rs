//! `clientAddress` of `POST /v1/keys/verify`, and the messages about missing and double credentials.

use crate::support::http::Answer;
use crate::support::{Backend, Server, Tenant, tenant, tests};
use serde_json::{Value, json};

tests![
    allowed_addresses_are_held_against_the_address_in_the_body,
    an_address_that_is_none_is_refused_with_words,
    a_missing_credential_is_answered_with_those_that_the_route_takes,
    two_credentials_are_named,
];

async fn verify(server: &Server, token: &str, body: Value) -> Answer {
    server.post("/v1/keys/verify").bearer(token).json(body).send().await
}

async fn allowed_addresses_are_held_against_the_address_in_the_body(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let token = tenant::service_token(&server.database).await;
    let bound = acme.create_key(&acme.owner, json!({ "allowedIps": ["203.0.113.0/24", "2001:db8::/32"] })).await;
    let bound = &bound.plaintext;
    // Twice: the second answer comes by the fast path.
    for _ in 0..2 {
        for (address, code) in [
            (json!("203.0.113.7"), "VALID"),
            (json!(" 203.0.113.7\n"), "VALID"),
            (json!("::ffff:203.0.113.7"), "VALID"),
            (json!("2001:db8::1"), "VALID"),
            (json!("198.51.100.7"), "IP_NOT_ALLOWED"),
            (json!("127.0.0.1"), "IP_NOT_ALLOWED"),
            // The service's own.
            (Value::Null, "IP_NOT_ALLOWED"),
        ] {
            let answer = verify(&server, &token, json!({ "key": bound, "clientAddress": address })).await.expect(200);
            assert_eq!(answer["code"], code, "{address}");
        }
        assert_eq!(verify(&server, &token, json!({ "key": bound })).await.expect(200)["code"], "IP_NOT_ALLOWED");
    }
    // The service's own address may be allowed, and its client's is not.
    let local = acme.create_key(&acme.owner, json!({ "allowedIps": ["127.0.0.1/32"] })).await.plaintext;
    for _ in 0..2 {
        assert_eq!(verify(&server, &token, json!({ "key": local })).await.expect(200)["code"], "VALID");
        let body = json!({ "key": local, "clientAddress": "198.51.100.7" });
        assert_eq!(verify(&server, &token, body).await.expect(200)["code"], "IP_NOT_ALLOWED");
    }
}

async fn an_address_that_is_none_is_refused_with_words(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let token = tenant::service_token(&server.database).await;
    let key = acme.create_key(&acme.owner, json!({})).await.plaintext;
    for address in [json!("203.0.113.7:443"), json!("unknown"), json!(""), json!("203.0.113.0/24"), json!(7)] {
        let body = json!({ "key": key, "clientAddress": address });
        let refused = verify(&server, &token, body).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "clientAddress", "{address}");
    }
    let body = json!({ "key": key, "origin": "https://app.example.com" });
    verify(&server, &token, body).await.expect_error(422, "validation_failed");
}

async fn a_missing_credential_is_answered_with_those_that_the_route_takes(db: Backend) {
    let server = Server::start(db).await;
    let said = |answer: Answer| answer.expect_error(401, "missing_credentials").text_at("/error/message");
    let verify = said(server.post("/v1/keys/verify").json(json!({ "key": "x" })).send().await);
    assert_eq!(verify, "No credentials were sent. Send a service token as \"Authorization: Bearer …\".");
    let members = said(server.get("/v1/members").send().await);
    assert_eq!(
        members,
        "No credentials were sent. Send an API key as \"Authorization: Bearer …\", or an API key in X-API-Key."
    );
    let me = said(server.get("/v1/me").send().await);
    assert_eq!(me, "No credentials were sent. Send a person's ID token as \"Authorization: Bearer …\".");
    let path = "/v1/organizations/org_01k4w5c9q2e0vb7m3t8z6r1xhd/workspaces";
    assert_eq!(
        said(server.get(path).send().await),
        "No credentials were sent. Send a person's ID token or a service token as \"Authorization: Bearer …\"."
    );
}

async fn two_credentials_are_named(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let key = acme.create_key(&acme.owner, json!({})).await.plaintext;
    let token = tenant::service_token(&server.database).await;
    for (bearer, kind) in
        [(&acme.owner.id_token, "a person's ID token"), (&key, "an API key"), (&token, "a service token")]
    {
        let both = server.get("/v1/whoami").bearer(bearer).header("X-API-Key", &key).send().await;
        let message = both.expect_error(400, "bad_request").text_at("/error/message").to_lowercase();
        assert!(message.contains(&kind.to_lowercase()) && message.contains("x-api-key"), "{message}");
        assert!(message.contains("authorize"), "{message}");
    }
}
