//! Times with a fraction, keys without an id, and claims of other types: what RFC 7519 and RFC 7517 allow.

use super::forge::{CURVE, FIRST, SECOND, changed};
use super::key_server::Issuer;
use crate::support::{Backend, tests};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    times_may_have_a_fraction,
    a_token_without_a_key_id_is_verified_by_a_fitting_key,
    a_key_without_an_id_verifies_tokens_with_one_and_without,
    keys_of_one_id_are_told_apart_by_their_type,
    many_fitting_keys_are_tried_up_to_a_bound,
    claims_about_the_person_fail_no_sign_in_whatever_their_type,
];

async fn refused(issuer: &Issuer, token: &str, why: &str) {
    let answer = issuer.me(token).await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    answer.expect_error(401, "invalid_id_token");
}

async fn times_may_have_a_fraction(db: Backend) {
    let issuer = Issuer::start(db).await;
    let now = issuer.now();
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let at = |seconds: i64, fraction: f64| json!(seconds as f64 + fraction);
    let all = |iat: Value, exp: Value, nbf: Value, auth_time: Value| {
        let claims = changed(&changed(&issuer.claims("ada"), "iat", iat), "exp", exp);
        FIRST.sign(&changed(&changed(&claims, "nbf", nbf), "auth_time", auth_time))
    };
    issuer.me(&all(at(now, 0.25), at(now + 3600, 0.75), at(now, 0.5), at(now, 0.125))).await.expect(200);
    issuer.me(&all(at(now, 0.0), at(now + 3600, 0.0), at(now, 0.0), at(now, 0.0))).await.expect(200);
    issuer.me(&all(at(now, 0.5), at(now + 3600, 0.5), Value::Null, Value::Null)).await.expect(200);
    let expired = all(at(now, 0.0), at(now - 10, 0.5), Value::Null, Value::Null);
    issuer.me(&expired).await.expect_error(401, "id_token_expired");
    for (name, token) in [
        ("iat", all(at(now + 600, 0.5), json!(now + 3600), Value::Null, Value::Null)),
        ("nbf", all(json!(now), json!(now + 3600), at(now + 600, 0.5), Value::Null)),
        ("auth_time", all(json!(now), json!(now + 3600), Value::Null, at(now + 600, 0.5))),
        ("a text", all(json!(now), json!((now + 3600).to_string()), Value::Null, Value::Null)),
        ("endless", all(json!(now), json!(1e300), Value::Null, Value::Null)),
    ] {
        refused(&issuer, &token, name).await;
    }
}

async fn a_token_without_a_key_id_is_verified_by_a_fitting_key(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.algorithms = vec![Algorithm::RS256, Algorithm::ES256]).await;
    issuer.keys.publish_jwks(&[CURVE.jwk(), SECOND.jwk(), FIRST.jwk()]);
    let claims = issuer.claims("ada");
    let bare = json!({ "alg": "RS256", "typ": "JWT" });
    issuer.me(&FIRST.sign_under(&bare, &claims)).await.expect(200);
    issuer.me(&SECOND.sign_under(&json!({ "alg": "RS256", "kid": "" }), &claims)).await.expect(200);
    issuer.keys.publish(&[&SECOND]);
    issuer.server.clock.advance(Duration::from_secs(3601));
    let claims = issuer.claims("ada");
    refused(&issuer, &FIRST.sign_under(&bare, &claims), "withdrawn").await;
    issuer.me(&SECOND.sign_under(&bare, &claims)).await.expect(200);
    refused(&issuer, &FIRST.sign_under(&json!({ "alg": "RS256", "kid": "second" }), &claims), "another's id").await;
}

async fn a_key_without_an_id_verifies_tokens_with_one_and_without(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.keys.publish_jwks(&[changed(&FIRST.jwk(), "kid", Value::Null)]);
    let claims = issuer.claims("ada");
    issuer.me(&FIRST.sign(&claims)).await.expect(200);
    issuer.me(&FIRST.sign_under(&json!({ "alg": "RS256" }), &claims)).await.expect(200);
    refused(&issuer, &SECOND.sign(&claims), "another key").await;
    // The next key is found at its first token, too.
    issuer.keys.publish_jwks(&[changed(&SECOND.jwk(), "kid", Value::Null)]);
    issuer.me(&SECOND.sign_under(&json!({ "alg": "RS256" }), &claims)).await.expect(200);
}

async fn keys_of_one_id_are_told_apart_by_their_type(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.algorithms = vec![Algorithm::RS256, Algorithm::ES256]).await;
    let same = |key: Value| changed(&key, "kid", json!("same"));
    for keys in [[FIRST.jwk(), CURVE.jwk()], [CURVE.jwk(), FIRST.jwk()]] {
        issuer.keys.publish_jwks(&keys.map(same));
        issuer.server.clock.advance(Duration::from_secs(3601));
        let claims = issuer.claims("ada");
        issuer.me(&CURVE.sign_as("same", &claims)).await.expect(200);
        issuer.me(&FIRST.sign_under(&json!({ "alg": "RS256", "kid": "same" }), &claims)).await.expect(200);
    }
}

async fn many_fitting_keys_are_tried_up_to_a_bound(db: Backend) {
    let issuer = Issuer::start(db).await;
    let bare = |key: Value| changed(&key, "kid", Value::Null);
    let set = |others: usize| {
        let mut keys = vec![bare(SECOND.jwk()); others];
        keys.push(bare(FIRST.jwk()));
        keys
    };
    issuer.keys.publish_jwks(&set(7));
    let token = FIRST.sign_under(&json!({ "alg": "RS256" }), &issuer.claims("ada"));
    issuer.me(&token).await.expect(200);
    issuer.keys.publish_jwks(&set(500));
    issuer.server.clock.advance(Duration::from_secs(3601));
    let token = FIRST.sign_under(&json!({ "alg": "RS256" }), &issuer.claims("ada"));
    refused(&issuer, &token, "behind 500 others").await;
}

async fn claims_about_the_person_fail_no_sign_in_whatever_their_type(db: Backend) {
    let issuer = Issuer::start(db).await;
    for odd in [json!(7), json!(true), json!(["a@b.c"]), json!({ "a": 1 }), json!(1e300), Value::Null] {
        let claims = ["email", "name", "email_verified", "picture", "sid", "is_anonymous", "firebase"]
            .into_iter()
            .filter(|name| *name != "is_anonymous" || odd != true)
            .fold(issuer.claims("ada"), |claims, name| changed(&claims, name, odd.clone()));
        let me = issuer.me(&FIRST.sign(&claims)).await.expect(200);
        assert_eq!((&me["user"]["email"], &me["user"]["name"]), (&Value::Null, &Value::Null), "{odd}");
    }
}
