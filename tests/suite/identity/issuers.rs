//! Issuers of OpenID Connect beside the built-in provider: found by discovery, and believed in what they may say.

use super::forge::{CURVE, FIRST, OTHER_CURVE, SECOND, changed, hmac_with_public_key, unsigned};
use super::key_server::Issuer;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Tenant, tests};
use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

tests![
    a_token_of_a_discovered_issuer_signs_in,
    configured_algorithms_sign_and_no_others,
    a_shared_secret_or_no_signature_is_refused,
    a_key_verifies_only_what_its_type_fits,
    the_audience_must_be_ours,
    tokens_without_an_audience_need_an_authorized_party,
    a_subject_may_be_longer_than_firebases_and_not_endless,
    another_issuers_name_with_the_right_keys_is_refused,
    an_issuer_that_calls_itself_otherwise_is_not_believed,
    keys_elsewhere_by_plain_http_are_not_fetched,
    a_set_of_shared_secrets_is_not_believed,
    an_issuer_that_hangs_is_503_within_the_time_limit,
    an_endless_or_broken_answer_is_503,
    a_redirect_is_not_followed,
    many_requests_at_once_discover_once,
    an_issuer_that_rotates_goes_down_and_comes_back,
    the_same_subject_and_address_of_two_issuers_are_two_people,
    a_second_issuer_takes_over_neither_account_nor_membership,
];

async fn assert_refused(issuer: &Issuer, token: &str, why: &str) {
    let answer = issuer.me(token).await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    answer.expect_error(401, "invalid_id_token");
}

async fn assert_unavailable(issuer: &Issuer) {
    let before = dump(&issuer.server.database);
    issuer.me(&issuer.token(&FIRST)).await.expect_error(503, "unavailable");
    assert_unchanged(&before, &issuer.server.database);
}

async fn a_token_of_a_discovered_issuer_signs_in(db: Backend) {
    let issuer = Issuer::start(db).await;
    let me = issuer.me(&issuer.token(&FIRST)).await.expect(200);
    assert_eq!(me["user"]["email"], "ada@example.com");
    assert_eq!(me["user"]["name"], "Ada Lovelace");
    // Nothing but what OpenID Connect demands.
    let claims = ["auth_time", "email", "email_verified", "name"]
        .into_iter()
        .fold(issuer.claims("plain"), |claims, name| changed(&claims, name, Value::Null));
    let me = issuer.me(&FIRST.sign(&claims)).await.expect(200);
    assert_eq!(me["user"]["email"], Value::Null);
    for name in ["iss", "sub", "iat", "exp"] {
        let token = FIRST.sign(&changed(&claims, name, Value::Null));
        assert_refused(&issuer, &token, name).await;
    }
    let late = changed(&claims, "auth_time", json!(issuer.now() + 90));
    assert_refused(&issuer, &FIRST.sign(&late), "signed in in the future").await;
    issuer.server.clock.advance(Duration::from_secs(3601));
    issuer.me(&FIRST.sign(&claims)).await.expect_error(401, "id_token_expired");
}

async fn configured_algorithms_sign_and_no_others(db: Backend) {
    let all = Issuer::with(db, |oidc| {
        oidc.algorithms = vec![Algorithm::RS256, Algorithm::RS512, Algorithm::PS256, Algorithm::ES256];
    })
    .await;
    // Keys that do not name one algorithm, as some issuers publish them.
    all.keys.publish_jwks(&[changed(&FIRST.jwk(), "alg", Value::Null), CURVE.jwk()]);
    let claims = all.claims("ada");
    all.me(&FIRST.sign(&claims)).await.expect(200);
    all.me(&FIRST.sign_other("RS512", &claims)).await.expect(200);
    all.me(&FIRST.sign_other("PS256", &claims)).await.expect(200);
    all.me(&CURVE.sign(&claims)).await.expect(200);
    let default = Issuer::start(db).await;
    default.keys.publish_jwks(&[changed(&FIRST.jwk(), "alg", Value::Null), CURVE.jwk()]);
    let claims = default.claims("ada");
    default.me(&FIRST.sign(&claims)).await.expect(200);
    assert_refused(&default, &FIRST.sign_other("RS512", &claims), "RS512").await;
    assert_refused(&default, &FIRST.sign_other("PS256", &claims), "PS256").await;
    assert_refused(&default, &CURVE.sign(&claims), "ES256").await;
}

async fn a_shared_secret_or_no_signature_is_refused(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.algorithms = vec![Algorithm::RS256, Algorithm::ES256]).await;
    let claims = issuer.claims("ada");
    issuer.me(&FIRST.sign(&claims)).await.expect(200);
    for token in hmac_with_public_key(&FIRST.jwk(), &claims) {
        assert_refused(&issuer, &token, "HS256 with the public key").await;
    }
    assert_refused(&issuer, &unsigned("first", &claims), "alg none").await;
    assert_refused(&issuer, &SECOND.sign_under(&json!({ "alg": "RS256", "kid": "first" }), &claims), "another key")
        .await;
}

async fn a_key_verifies_only_what_its_type_fits(db: Backend) {
    let issuer =
        Issuer::with(db, |oidc| oidc.algorithms = vec![Algorithm::RS256, Algorithm::RS512, Algorithm::ES256]).await;
    issuer.keys.publish_jwks(&[FIRST.jwk(), CURVE.jwk()]);
    let claims = issuer.claims("ada");
    issuer.me(&CURVE.sign(&claims)).await.expect(200);
    assert_refused(&issuer, &OTHER_CURVE.sign_as(CURVE.id, &claims), "another curve key").await;
    assert_refused(&issuer, &FIRST.sign_other("RS512", &claims), "the key says RS256").await;
    let header = json!({ "alg": "RS256", "kid": CURVE.id });
    assert_refused(&issuer, &FIRST.sign_under(&header, &claims), "RS256 of a curve's key").await;
    assert_refused(&issuer, &CURVE.sign_as("first", &claims), "ES256 of an RSA key").await;
}

async fn the_audience_must_be_ours(db: Backend) {
    let issuer = Issuer::start(db).await;
    let of = |audience: Value, party: Value| {
        FIRST.sign(&changed(&changed(&issuer.claims("ada"), "aud", audience), "azp", party))
    };
    for (audience, party) in
        [(json!("app"), Value::Null), (json!(["app"]), Value::Null), (json!(["app", "other"]), json!("app"))]
    {
        issuer.me(&of(audience, party)).await.expect(200);
    }
    for (audience, party) in [
        (json!("other"), Value::Null),
        (json!(["other"]), json!("app")),
        (json!(["app", "other"]), Value::Null),
        (json!(["app", "other"]), json!("other")),
        (json!([]), Value::Null),
        (json!(""), Value::Null),
        (json!(5), Value::Null),
        (Value::Null, json!("app")),
    ] {
        assert_refused(&issuer, &of(audience.clone(), party.clone()), &format!("{audience} {party}")).await;
    }
}

async fn tokens_without_an_audience_need_an_authorized_party(db: Backend) {
    // As Clerk's session tokens are.
    let issuer = Issuer::with(db, |oidc| {
        oidc.audience = None;
        oidc.authorized_parties = vec!["https://app.example".to_owned()];
    })
    .await;
    let claims = changed(&issuer.claims("ada"), "aud", Value::Null);
    issuer.me(&FIRST.sign(&changed(&claims, "azp", json!("https://app.example")))).await.expect(200);
    assert_refused(&issuer, &FIRST.sign(&claims), "no azp").await;
    assert_refused(&issuer, &FIRST.sign(&changed(&claims, "azp", json!("https://evil.example"))), "another's").await;
    let with_audience = changed(&changed(&claims, "azp", json!("https://app.example")), "aud", json!("hasura"));
    assert_refused(&issuer, &FIRST.sign(&with_audience), "for somebody else").await;
}

async fn a_subject_may_be_longer_than_firebases_and_not_endless(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.me(&FIRST.sign(&issuer.claims(&format!("auth0|{}", "x".repeat(249))))).await.expect(200);
    for subject in ["".to_owned(), "x".repeat(256), "a\0b".to_owned()] {
        assert_refused(&issuer, &FIRST.sign(&issuer.claims(&subject)), &subject).await;
    }
}

async fn another_issuers_name_with_the_right_keys_is_refused(db: Backend) {
    let issuer = Issuer::start(db).await;
    let name = issuer.name.clone();
    for other in
        [format!("{name}/"), name.replace("127.0.0.1", "localhost"), "https://evil.example".into(), "builtin".into()]
    {
        let token = FIRST.sign(&changed(&issuer.claims("ada"), "iss", json!(other)));
        assert_refused(&issuer, &token, &other).await;
    }
    assert_eq!(issuer.keys.fetches(), 0, "nothing is fetched for a stranger");
}

async fn an_issuer_that_calls_itself_otherwise_is_not_believed(db: Backend) {
    let issuer = Issuer::start(db).await;
    for claimed in ["https://evil.example".to_owned(), format!("{}/", issuer.name), String::new()] {
        issuer.keys.behaviour().configuration = json!({ "issuer": claimed, "jwks_uri": issuer.keys.url() }).to_string();
        assert_unavailable(&issuer).await;
        issuer.server.clock.advance(Duration::from_secs(6));
    }
    issuer.keys.behaviour().configuration = json!({ "issuer": issuer.name, "jwks_uri": issuer.keys.url() }).to_string();
    issuer.me(&issuer.token(&FIRST)).await.expect(200);
}

async fn keys_elsewhere_by_plain_http_are_not_fetched(db: Backend) {
    let issuer = Issuer::start(db).await;
    let uris =
        ["http://keys.example/jwks", "http://localhost:1@keys.example/", "file:///etc/passwd", "", "//keys.example"];
    for uri in uris {
        issuer.keys.behaviour().configuration = json!({ "issuer": issuer.name, "jwks_uri": uri }).to_string();
        assert_unavailable(&issuer).await;
        issuer.server.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(issuer.keys.fetches(), uris.len(), "only the configuration");
}

async fn a_set_of_shared_secrets_is_not_believed(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.algorithms = vec![Algorithm::RS256, Algorithm::ES256]).await;
    issuer.keys.publish_jwks(&[json!({ "kty": "oct", "kid": "first", "alg": "HS256", "k": "c2VjcmV0" })]);
    assert_unavailable(&issuer).await;
    issuer.server.clock.advance(Duration::from_secs(6));
    // The id of an RSA key, on a key of another type.
    issuer.keys.publish_jwks(&[changed(&CURVE.jwk(), "kid", json!("first"))]);
    assert_refused(&issuer, &issuer.token(&FIRST), "RS256 by a curve's key").await;
}

async fn an_issuer_that_hangs_is_503_within_the_time_limit(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.keys.behaviour().delay = Duration::from_secs(20);
    let started = Instant::now();
    assert_unavailable(&issuer).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    issuer.keys.behaviour().delay = Duration::ZERO;
    issuer.server.clock.advance(Duration::from_secs(6));
    issuer.me(&issuer.token(&FIRST)).await.expect(200);
}

async fn an_endless_or_broken_answer_is_503(db: Backend) {
    let issuer = Issuer::start(db).await;
    let good = issuer.keys.behaviour().configuration.clone();
    for configuration in ["x".repeat(10 * 1024 * 1024), "<html>".to_owned(), "{}".to_owned(), "[]".to_owned()] {
        issuer.keys.behaviour().configuration = configuration;
        assert_unavailable(&issuer).await;
        issuer.server.clock.advance(Duration::from_secs(6));
    }
    issuer.keys.behaviour().configuration = good;
    issuer.keys.behaviour().body = format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    assert_unavailable(&issuer).await;
    issuer.server.clock.advance(Duration::from_secs(6));
    issuer.keys.publish(&[&FIRST]);
    issuer.keys.go_down();
    assert_unavailable(&issuer).await;
}

async fn a_redirect_is_not_followed(db: Backend) {
    let issuer = Issuer::start(db).await;
    let elsewhere = super::key_server::KeyServer::start(&[&FIRST]);
    {
        let mut behaviour = issuer.keys.behaviour();
        behaviour.status = "302 Found";
        behaviour.headers = format!("Location: {}\r\n", elsewhere.url());
    }
    assert_unavailable(&issuer).await;
    assert_eq!(elsewhere.fetches(), 0);
}

async fn many_requests_at_once_discover_once(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.keys.behaviour().delay = Duration::from_millis(100);
    let token = issuer.token(&FIRST);
    for answer in join_all((0..8).map(|_| issuer.me(&token))).await {
        answer.expect(200);
    }
    assert_eq!(issuer.keys.fetches(), 2, "the configuration and the keys");
}

async fn an_issuer_that_rotates_goes_down_and_comes_back(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.me(&issuer.token(&FIRST)).await.expect(200);
    issuer.keys.publish(&[&FIRST, &SECOND]);
    issuer.me(&issuer.token(&SECOND)).await.expect(200);
    issuer.keys.go_down();
    issuer.server.clock.advance(Duration::from_secs(3600));
    issuer.me(&issuer.token(&SECOND)).await.expect(200);
    issuer.server.clock.advance(Duration::from_secs(3600));
    assert_unavailable(&issuer).await;
    issuer.keys.come_back();
    issuer.keys.publish(&[&SECOND]);
    issuer.server.clock.advance(Duration::from_secs(6));
    issuer.me(&issuer.token(&SECOND)).await.expect(200);
    assert_refused(&issuer, &issuer.token(&FIRST), "withdrawn").await;
}

async fn the_same_subject_and_address_of_two_issuers_are_two_people(db: Backend) {
    let issuer = Issuer::start(db).await;
    let other = issuer.beside().await;
    let of_one = other.me(&issuer.token(&FIRST)).await.expect(200);
    let of_other = other.me(&other.token(&FIRST)).await.expect(200);
    assert_eq!(of_one["user"]["email"], of_other["user"]["email"]);
    assert_ne!(of_one["user"]["id"], of_other["user"]["id"]);
}

async fn a_second_issuer_takes_over_neither_account_nor_membership(db: Backend) {
    let issuer = Issuer::start(db).await;
    let tenant = Tenant::new(&issuer.server).await;
    // Of the same address, verified, and even with the subject of the owner's account.
    let claims = changed(&issuer.claims(&tenant.owner.local_id), "email", json!(tenant.owner.email));
    let token = FIRST.sign(&claims);
    let me = issuer.me(&token).await.expect(200);
    assert_eq!(me["user"]["email"], tenant.owner.email.as_str());
    assert_ne!(me["user"]["id"], tenant.owner.user_id.as_str());
    assert_eq!(me["organizations"], json!([]));
    let before = dump(&issuer.server.database);
    issuer.server.get(&tenant.organization_path("")).bearer(&token).send().await.expect_error(404, "not_found");
    issuer.server.get(&tenant.workspace_path("")).bearer(&token).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &issuer.server.database);
    issuer.me(&tenant.owner.id_token).await.expect(200);
}
