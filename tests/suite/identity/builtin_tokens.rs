//! ID tokens of the built-in provider: what one is, and what is refused.

use super::forge::{FIRST, changed, claims_of, header_of, hmac_with_public_key, unsigned, with_claims, with_header};
use crate::support::process::Keyward;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_token_has_firebases_claims,
    the_published_key_verifies_it,
    an_algorithm_other_than_rs256_is_refused,
    a_token_signed_by_another_key_is_refused,
    a_tampered_token_is_refused,
    a_token_of_another_project_is_refused_though_the_key_is_the_same,
    a_token_from_the_future_is_refused,
    an_expired_token_has_a_code_of_its_own,
    two_nodes_accept_each_others_tokens,
    a_change_of_the_public_url_ends_tokens_and_loses_no_user,
    without_the_built_in_provider_its_paths_and_tokens_are_unknown,
];

async fn assert_refused(server: &Server, token: &str, why: &str) {
    let answer = server.get("/v1/me").bearer(token).send().await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    let answer = answer.expect_error(401, "invalid_id_token");
    assert_eq!(answer["error"]["message"], "The ID token is not valid. Sign in again.", "{why}");
}

async fn published_key(server: &Server) -> Value {
    let answer = server.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer["keys"].as_array().map(Vec::len), Some(1));
    answer["keys"][0].clone()
}

async fn a_token_has_firebases_claims(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let now = server.clock.now().seconds();
    let claims = claims_of(&user.id_token);
    let issued_at = claims["iat"].as_i64().expect("an integer");
    assert!((now - 60..=now).contains(&issued_at));
    assert_eq!(
        claims,
        json!({
            "iss": "http://localhost:8080/keyward", "aud": "keyward", "auth_time": issued_at,
            "sid": claims["sid"], "user_id": user.local_id, "sub": user.local_id, "iat": issued_at, "exp": issued_at + 3600,
            "email": user.email, "email_verified": false,
            "firebase": { "identities": { "email": [user.email] }, "sign_in_provider": "password" },
        })
    );
    assert!(claims["sid"].as_str().is_some_and(|id| id.starts_with("ses_")));
    let key = published_key(&server).await;
    assert_eq!(header_of(&user.id_token), json!({ "alg": "RS256", "kid": key["kid"], "typ": "JWT" }));
}

async fn the_published_key_verifies_it(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let key = published_key(&server).await;
    let mut names: Vec<&str> = key.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"], "and nothing private");
    let key = jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(key).expect("a JWK")).expect("an RSA key");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["keyward"]);
    validation.set_issuer(&["http://localhost:8080/keyward"]);
    jsonwebtoken::decode::<Value>(&user.id_token, &key, &validation).expect("a good signature");
    let discovery = server.get("/.well-known/openid-configuration").send().await.expect(200);
    assert_eq!(discovery["issuer"], "http://localhost:8080/keyward");
    assert_eq!(discovery["jwks_uri"], "http://localhost:8080/.well-known/jwks.json");
}

async fn an_algorithm_other_than_rs256_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let (claims, key) = (claims_of(&user.id_token), published_key(&server).await);
    assert_refused(&server, &unsigned(key["kid"].as_str().expect("an id"), &claims), "alg none").await;
    for token in hmac_with_public_key(&key, &claims) {
        assert_refused(&server, &token, "HS256 with the public key").await;
    }
    for algorithm in ["RS512", "PS256", "none", "HS256", "ES256"] {
        let header = json!({ "alg": algorithm, "kid": key["kid"], "typ": "JWT" });
        assert_refused(&server, &with_header(&user.id_token, &header), algorithm).await;
    }
}

async fn a_token_signed_by_another_key_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let (claims, key) = (claims_of(&user.id_token), published_key(&server).await);
    for kid in [key["kid"].clone(), json!("first"), json!("")] {
        let header = json!({ "alg": "RS256", "kid": kid, "typ": "JWT", "jwk": FIRST.jwk() });
        assert_refused(&server, &FIRST.sign_under(&header, &claims), &header.to_string()).await;
    }
    assert_refused(&server, &FIRST.sign_under(&json!({ "alg": "RS256", "typ": "JWT" }), &claims), "no kid").await;
}

async fn a_tampered_token_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let (user, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let claims = claims_of(&user.id_token);
    let later = claims["exp"].as_i64().expect("an integer") + 3600;
    for (name, value) in [
        ("sub", json!(other.local_id)),
        ("sub", json!("")),
        ("exp", json!(later)),
        ("aud", json!(["keyward"])),
        ("iss", json!(["http://localhost:8080/keyward"])),
        ("email_verified", json!(true)),
    ] {
        let token = with_claims(&user.id_token, &changed(&claims, name, value.clone()));
        assert_refused(&server, &token, &format!("{name}: {value}")).await;
    }
    let (message, _) = user.id_token.rsplit_once('.').expect("a signature");
    let (_, signature) = other.id_token.rsplit_once('.').expect("a signature");
    assert_refused(&server, &format!("{message}."), "no signature").await;
    assert_refused(&server, &format!("{message}.{signature}"), "another token's signature").await;
}

async fn a_token_of_another_project_is_refused_though_the_key_is_the_same(db: Backend) {
    let server = Server::start(db).await;
    let other = server.another(|config| config.identity.project_id = "other".to_owned()).await;
    let user = User::sign_up(&other).await;
    assert_eq!(header_of(&user.id_token)["kid"], published_key(&server).await["kid"]);
    assert_refused(&server, &user.id_token, "another project's").await;
    let elsewhere = server.another(|config| config.server.public_url = "https://elsewhere.example".to_owned()).await;
    let user = User::sign_up(&elsewhere).await;
    assert_refused(&server, &user.id_token, "another issuer's").await;
}

async fn a_token_from_the_future_is_refused(db: Backend) {
    // Two nodes whose clocks are an hour apart: the process knows nothing of the test's clock.
    let ahead = Server::start(db).await;
    ahead.clock.advance(Duration::from_secs(3600));
    let user = User::sign_up(&ahead).await;
    let behind = Keyward::serve(ahead.database.clone(), "").await;
    behind.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
}

async fn an_expired_token_has_a_code_of_its_own(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    server.clock.advance(Duration::from_secs(3590));
    server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    server.clock.advance(Duration::from_secs(11));
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "id_token_expired");
}

async fn two_nodes_accept_each_others_tokens(db: Backend) {
    let one = Server::start(db).await;
    let two = one.another(|_| {}).await;
    let (of_one, of_two) = (User::sign_up(&one).await, User::sign_up(&two).await);
    let seen = two.get("/v1/me").bearer(&of_one.id_token).send().await.expect(200);
    assert_eq!(seen["user"]["id"], of_one.user_id.as_str());
    let seen = one.get("/v1/me").bearer(&of_two.id_token).send().await.expect(200);
    assert_eq!(seen["user"]["id"], of_two.user_id.as_str());
}

async fn a_change_of_the_public_url_ends_tokens_and_loses_no_user(db: Backend) {
    let server = Server::start(db).await;
    let mut user = User::sign_up(&server).await;
    let moved = server.another(|config| config.server.public_url = "https://moved.example".to_owned()).await;
    assert_refused(&moved, &user.id_token, "the old address's").await;
    user.refresh(&moved).await;
    let me = moved.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(me["user"]["id"], user.user_id.as_str());
}

async fn without_the_built_in_provider_its_paths_and_tokens_are_unknown(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let project = super::key_server::KeyServer::start(&[&FIRST]);
    let off = server.another(|config| {
        let issuer = keyward::base::config::IssuerSettings::FirebaseProject {
            project: "app".to_owned(),
            jwks_url: Some(project.url()),
            admission: keyward::base::config::AdmissionSettings::default(),
        };
        config.identity.builtin = false;
        config.identity.issuers = vec![issuer];
    });
    let off = off.await;
    assert_refused(&off, &user.id_token, "the built-in provider's").await;
    off.get("/.well-known/jwks.json").send().await.expect_error(404, "not_found");
    off.post("/identitytoolkit.googleapis.com/v1/accounts:signUp").json(json!({})).send().await.expect(404);
}
