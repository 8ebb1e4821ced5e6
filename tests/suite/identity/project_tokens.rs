//! ID tokens of a Firebase project: what one must be, and what is refused.

use super::forge::{FIRST, SECOND, changed, hmac_with_public_key, unsigned, with_claims};
use super::key_server::{KeyServer, Project};
use crate::support::{Backend, Server, tests};
use keyward::base::config::{AdmissionSettings, IssuerSettings};
use serde_json::{Value, json};

tests![
    a_projects_token_signs_in,
    a_user_is_the_same_at_each_token_and_follows_its_claims,
    an_algorithm_other_than_rs256_is_refused,
    a_header_without_a_published_key_or_of_another_type_is_refused,
    claims_of_another_issuer_or_audience_are_refused,
    claims_of_another_type_are_refused,
    a_subject_must_be_there_and_fit,
    times_in_the_future_are_refused_beyond_the_leeway,
    an_expired_token_has_a_code_of_its_own,
    a_tampered_token_is_refused,
    a_token_of_one_project_is_no_token_of_another,
    a_disabled_user_is_refused,
];

/// Fails unless the token is refused, in the words that all refusals have.
async fn assert_refused(project: &Project, token: &str, why: &str) {
    let answer = project.me(token).await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    let answer = answer.expect_error(401, "invalid_id_token");
    assert_eq!(answer["error"]["message"], "The ID token is not valid. Sign in again.", "{why}");
}

async fn assert_claims_refused(project: &Project, cases: &[(&str, Value)]) {
    project.me(&project.token(&FIRST)).await.expect(200);
    for (name, value) in cases {
        let token = FIRST.sign(&changed(&project.claims("ada"), name, value.clone()));
        assert_refused(project, &token, &format!("{name}: {value}")).await;
    }
}

async fn a_projects_token_signs_in(db: Backend) {
    let project = Project::start(db).await;
    let me = project.me(&project.token(&FIRST)).await.expect(200);
    assert_eq!(me["user"]["email"], "ada@example.com", "in lower case");
    assert_eq!(me["user"]["name"], "Ada Lovelace");
    let claims = project.claims("plain");
    let claims = ["email", "email_verified", "name", "firebase"]
        .into_iter()
        .fold(claims, |claims, name| changed(&claims, name, Value::Null));
    let me = project.me(&FIRST.sign(&claims)).await.expect(200);
    assert_eq!(me["user"]["email"], Value::Null);
    project.me(&FIRST.sign_under(&json!({ "alg": "RS256", "kid": "first" }), &claims)).await.expect(200);
}

async fn a_user_is_the_same_at_each_token_and_follows_its_claims(db: Backend) {
    let project = Project::start(db).await;
    let first = project.me(&project.token(&FIRST)).await.expect(200);
    let renamed = changed(&project.claims("ada"), "name", json!("Ada King"));
    let later = project.me(&FIRST.sign(&renamed)).await.expect(200);
    assert_eq!(first["user"]["id"], later["user"]["id"]);
    assert_eq!(later["user"]["name"], "Ada King");
    let other = project.me(&FIRST.sign(&project.claims("grace"))).await.expect(200);
    assert_ne!(first["user"]["id"], other["user"]["id"]);
    let odd = changed(&project.claims("odd"), "name", json!("a\0b"));
    assert_eq!(project.me(&FIRST.sign(&odd)).await.expect(200)["user"]["name"], Value::Null);
}

async fn an_algorithm_other_than_rs256_is_refused(db: Backend) {
    let project = Project::start(db).await;
    let claims = project.claims("ada");
    assert_refused(&project, &unsigned("first", &claims), "alg none").await;
    for token in hmac_with_public_key(&FIRST.jwk(), &claims) {
        assert_refused(&project, &token, "HS256 with the public key").await;
    }
    assert_refused(&project, &FIRST.sign_other("RS512", &claims), "RS512").await;
    assert_refused(&project, &FIRST.sign_other("PS256", &claims), "PS256").await;
}

async fn a_header_without_a_published_key_or_of_another_type_is_refused(db: Backend) {
    let project = Project::start(db).await;
    let claims = project.claims("ada");
    for header in [
        json!({ "alg": "RS256", "typ": "JWT" }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "" }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": 1 }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "unpublished" }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "first" }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "first", "crit": ["b64"], "b64": false }),
        json!({ "typ": "JWT", "kid": "first" }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "unpublished", "jwk": FIRST.jwk() }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "unpublished", "jku": project.keys.url() }),
    ] {
        assert_refused(&project, &FIRST.sign_under(&header, &claims), &header.to_string()).await;
    }
    let by_another = SECOND.sign_under(&json!({ "alg": "RS256", "typ": "JWT", "kid": "first" }), &claims);
    assert_refused(&project, &by_another, "signed by another key").await;
}

async fn claims_of_another_issuer_or_audience_are_refused(db: Backend) {
    let project = Project::start(db).await;
    let cases = [
        ("iss", json!("https://securetoken.google.com/other")),
        ("iss", json!("https://securetoken.google.com/app/")),
        ("iss", json!("http://securetoken.google.com/app")),
        ("iss", json!(format!("{}/keyward", project.server.config.server.public_url))),
        ("iss", json!(project.keys.url())),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!("keyward")),
        ("aud", json!("")),
        ("aud", Value::Null),
    ];
    assert_claims_refused(&project, &cases).await;
}

async fn claims_of_another_type_are_refused(db: Backend) {
    let project = Project::start(db).await;
    let now = project.now();
    let mut cases = vec![
        ("iss", json!(["https://securetoken.google.com/app"])),
        ("aud", json!(["app"])),
        ("aud", json!(["app", "other"])),
        ("sub", json!(["ada"])),
        ("sub", json!(7)),
        ("email_verified", json!("true")),
    ];
    for (name, time) in [("iat", now), ("auth_time", now), ("exp", now + 600), ("nbf", now)] {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        let float = time as f64;
        cases.extend([float, float + 0.5].map(|float| (name, json!(float))));
        cases.extend([(name, json!(time.to_string())), (name, json!([time]))]);
    }
    for name in ["iat", "auth_time", "exp"] {
        cases.push((name, Value::Null));
    }
    assert_claims_refused(&project, &cases).await;
    assert_refused(&project, &FIRST.sign(&json!([])), "no object").await;
}

async fn a_subject_must_be_there_and_fit(db: Backend) {
    let project = Project::start(db).await;
    project.me(&FIRST.sign(&project.claims(&"x".repeat(128)))).await.expect(200);
    let cases = [("sub", json!("")), ("sub", json!("x".repeat(129))), ("sub", json!("a\0b")), ("sub", Value::Null)];
    assert_claims_refused(&project, &cases).await;
}

async fn times_in_the_future_are_refused_beyond_the_leeway(db: Backend) {
    let project = Project::start(db).await;
    let near = project.now() + 20;
    for name in ["iat", "auth_time", "nbf"] {
        project.me(&FIRST.sign(&changed(&project.claims("ada"), name, json!(near)))).await.expect(200);
    }
    let far = project.now() + 90;
    assert_claims_refused(&project, &[("iat", json!(far)), ("auth_time", json!(far)), ("nbf", json!(far))]).await;
}

async fn an_expired_token_has_a_code_of_its_own(db: Backend) {
    let project = Project::start(db).await;
    let token = project.token(&FIRST);
    project.advance(3590);
    project.me(&token).await.expect(200);
    project.advance(10);
    project.me(&token).await.expect_error(401, "id_token_expired");
    let old = changed(&project.claims("ada"), "exp", json!(project.now() - 10));
    let elsewhere = FIRST.sign(&changed(&old, "aud", json!("other")));
    assert_refused(&project, &elsewhere, "expired, and another's").await;
}

async fn a_tampered_token_is_refused(db: Backend) {
    let project = Project::start(db).await;
    let token = project.token(&FIRST);
    let other = changed(&project.claims("ada"), "sub", json!("grace"));
    assert_refused(&project, &with_claims(&token, &other), "another subject").await;
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    assert_refused(&project, &format!("{message}."), "no signature").await;
    assert_refused(&project, &format!("{message}.{}", &signature[..signature.len() - 4]), "half a signature").await;
    assert_refused(&project, &format!("{message}.{}AA", &signature[..signature.len() - 2]), "another signature").await;
    assert_refused(&project, &format!("{message}.{signature}="), "padding").await;
    assert_refused(&project, "a.b.c", "no token at all").await;
}

async fn a_token_of_one_project_is_no_token_of_another(db: Backend) {
    // Google signs the tokens of all projects with the same keys.
    let keys = KeyServer::start(&[&FIRST]);
    let issuer = |project: &str| IssuerSettings::FirebaseProject {
        project: project.to_owned(),
        jwks_url: Some(keys.url()),
        admission: AdmissionSettings::default(),
    };
    let server = Server::with(db, |config| config.identity.issuers = vec![issuer("app"), issuer("other")]);
    let project = Project { server: server.await, keys: KeyServer::start(&[&FIRST]) };
    let claims = project.claims("ada");
    let of_app = project.me(&FIRST.sign(&claims)).await.expect(200);
    let crossed = changed(&claims, "iss", json!("https://securetoken.google.com/other"));
    assert_refused(&project, &FIRST.sign(&crossed), "the issuer of one, the audience of the other").await;
    let of_other = project.me(&FIRST.sign(&changed(&crossed, "aud", json!("other")))).await.expect(200);
    assert_ne!(of_app["user"]["id"], of_other["user"]["id"], "the same subject of two issuers is two people");
    let third = changed(&changed(&claims, "aud", json!("third")), "iss", json!("https://securetoken.google.com/third"));
    assert_refused(&project, &FIRST.sign(&third), "a project that is not configured").await;
}

async fn a_disabled_user_is_refused(db: Backend) {
    let project = Project::start(db).await;
    let token = project.token(&FIRST);
    project.me(&token).await.expect(200);
    project.server.database.execute("UPDATE users SET disabled_at = created_at");
    assert_refused(&project, &token, "disabled").await;
}
