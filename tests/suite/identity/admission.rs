//! Which users of an issuer may sign in: no anonymous ones, and only those with the required claims.

use super::forge::{FIRST, changed};
use super::key_server::{Issuer, Project};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::process;
use crate::support::{Backend, Server, tests};
use keyward::base::config::{AdmissionSettings, IssuerSettings};
use serde_json::{Value, json};
use std::fs;

tests![
    anonymous_users_are_refused_unless_the_issuer_allows_them,
    required_claims_decide_for_an_issuer,
    required_claims_decide_for_a_firebase_project,
    a_lost_claim_ends_the_access_of_a_known_user,
    wrong_rules_are_refused_at_the_start_with_words,
];

fn admission(written: Value) -> AdmissionSettings {
    let mut issuer = json!({ "firebase_project": "app" });
    issuer.as_object_mut().expect("an object").extend(written.as_object().expect("an object").clone());
    match serde_json::from_value(issuer).expect("good configuration") {
        IssuerSettings::FirebaseProject { admission, .. } => admission,
        other => panic!("{other:?}"),
    }
}

async fn issuer(db: Backend, written: Value) -> Issuer {
    Issuer::with(db, |oidc| oidc.admission = admission(written)).await
}

async fn project(db: Backend, written: Value) -> Project {
    Project::with(db, |config| match &mut config.identity.issuers[0] {
        IssuerSettings::FirebaseProject { admission: settings, .. } => *settings = admission(written),
        other => panic!("{other:?}"),
    })
    .await
}

async fn anonymous_users_are_refused_unless_the_issuer_allows_them(db: Backend) {
    let made_up = json!({ "identities": {}, "sign_in_provider": "anonymous" });
    let plain = |claims: &Value| {
        ["email", "email_verified", "name"]
            .into_iter()
            .fold(claims.clone(), |all, name| changed(&all, name, Value::Null))
    };
    let (strict, open) = (project(db, json!({})).await, project(db, json!({ "allow_anonymous": true })).await);
    let before = dump(&strict.server.database);
    let token = FIRST.sign(&changed(&plain(&strict.claims("ghost")), "firebase", made_up.clone()));
    strict.me(&token).await.expect_error(401, "invalid_id_token");
    assert_unchanged(&before, &strict.server.database);
    let token = FIRST.sign(&changed(&plain(&open.claims("ghost")), "firebase", made_up));
    open.me(&token).await.expect(200);
    // The same user after the sign-in that Firebase adds to an anonymous one.
    strict.me(&FIRST.sign(&strict.claims("ghost"))).await.expect(200);

    let (strict, open) = (issuer(db, json!({})).await, issuer(db, json!({ "allow_anonymous": true })).await);
    let before = dump(&strict.server.database);
    for truth in [json!(true), json!("true")] {
        let token = FIRST.sign(&changed(&plain(&strict.claims("ghost")), "is_anonymous", truth.clone()));
        strict.me(&token).await.expect_error(401, "invalid_id_token");
        assert_unchanged(&before, &strict.server.database);
        open.me(&FIRST.sign(&changed(&plain(&open.claims("ghost")), "is_anonymous", truth))).await.expect(200);
    }
    // An expired token of such a user is no token to be renewed.
    let token = changed(&strict.claims("ghost"), "is_anonymous", json!(true));
    let token = FIRST.sign(&changed(&token, "exp", json!(strict.now() - 10)));
    strict.me(&token).await.expect_error(401, "invalid_id_token");
    for other in [json!(false), Value::Null] {
        strict.me(&FIRST.sign(&changed(&strict.claims("ada"), "is_anonymous", other))).await.expect(200);
    }
}

const REQUIRED: &str = r#"{ "required_claims": {
    "email_verified": true, "hd": "example.com", "roles": ["a", "b"], "level": 3, "realm_access.roles": "admin",
    "https://app.example/plan": ["pro", "team"], "/app_metadata/a~1b": false
} }"#;

/// Claims that fulfil them, and each way not to.
fn cases(claims: &Value) -> (Value, Vec<Value>) {
    let mut good = claims.clone();
    let all = json!({
        "email_verified": true, "hd": "example.com", "roles": ["x", "b"], "level": 3,
        "realm_access": { "roles": ["admin"] }, "https://app.example/plan": "team", "app_metadata": { "a/b": false },
    });
    good.as_object_mut().expect("claims").extend(all.as_object().expect("claims").clone());
    let bad = [
        ("email_verified", json!(false)),
        ("hd", json!("other.example")),
        ("hd", json!("EXAMPLE.COM")),
        ("hd", json!(["other.example"])),
        ("roles", json!([])),
        ("roles", json!("x")),
        ("roles", json!({ "a": true })),
        ("level", json!("3")),
        ("level", json!(4)),
        ("realm_access", json!({ "roles": "user" })),
        ("realm_access", json!("admin")),
        ("https://app.example/plan", json!("free")),
        ("app_metadata", json!({ "a/b": true })),
    ];
    let gone = ["email_verified", "hd", "roles", "level", "realm_access", "https://app.example/plan", "app_metadata"];
    let bad = bad.into_iter().chain(gone.map(|name| (name, Value::Null)));
    let bad = bad.map(|(name, value)| changed(&good, name, value)).collect();
    (good, bad)
}

async fn required_claims_decide_for_an_issuer(db: Backend) {
    let issuer = issuer(db, serde_json::from_str(REQUIRED).expect("JSON")).await;
    let (good, bad) = cases(&issuer.claims("ada"));
    let before = dump(&issuer.server.database);
    for claims in bad {
        let answer = issuer.me(&FIRST.sign(&claims)).await;
        assert_eq!(answer.status, 401, "{claims}");
        answer.expect_error(401, "invalid_id_token");
    }
    assert_unchanged(&before, &issuer.server.database);
    issuer.me(&FIRST.sign(&good)).await.expect(200);
    issuer.me(&FIRST.sign(&changed(&good, "roles", json!("a")))).await.expect(200);
}

async fn required_claims_decide_for_a_firebase_project(db: Backend) {
    let project = project(db, serde_json::from_str(REQUIRED).expect("JSON")).await;
    let (good, bad) = cases(&project.claims("ada"));
    let before = dump(&project.server.database);
    for claims in bad {
        let answer = project.me(&FIRST.sign(&claims)).await;
        assert_eq!(answer.status, 401, "{claims}");
        answer.expect_error(401, "invalid_id_token");
    }
    assert_unchanged(&before, &project.server.database);
    project.me(&FIRST.sign(&good)).await.expect(200);
}

async fn a_lost_claim_ends_the_access_of_a_known_user(db: Backend) {
    let issuer = issuer(db, json!({ "required_claims": { "roles": "member" } })).await;
    let with = |roles: Value| FIRST.sign(&changed(&issuer.claims("ada"), "roles", roles));
    let token = with(json!(["member"]));
    issuer.me(&token).await.expect(200);
    let organization = issuer.server.post("/v1/organizations").bearer(&token).json(json!({ "name": "Acme" }));
    organization.send().await.expect(201);
    let before = dump(&issuer.server.database);
    let token = with(json!(["former"]));
    issuer.me(&token).await.expect_error(401, "invalid_id_token");
    let organization = issuer.server.post("/v1/organizations").bearer(&token).json(json!({ "name": "Acme" }));
    organization.send().await.expect_error(401, "invalid_id_token");
    assert_unchanged(&before, &issuer.server.database);
}

async fn wrong_rules_are_refused_at_the_start_with_words(db: Backend) {
    let server = Server::start(db).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keyward.toml");
    for (rules, words) in [
        ("required_claims = { hd = [] }", "\"hd\" must have a text, an integer, true or false"),
        ("required_claims = { hd = 1.5 }", "\"hd\" must have a text"),
        ("required_claims = { hd = { is = \"x\" } }", "\"hd\" must have a text"),
        ("required_claims = { \"a..b\" = true }", "\"a..b\" must be a claim's name"),
        ("required_claims = { \"/\" = true }", "\"/\" must be a claim's name"),
        ("required_claims = [\"hd\"]", "required_claims"),
        ("allow_anonymous = \"yes\"", "allow_anonymous"),
        ("allow_anonymus = true", "allow_anonymus"),
    ] {
        for issuer in ["firebase_project = \"app\"", "issuer = \"https://i.example\"\naudience = \"app\""] {
            fs::write(&file, format!("[[identity.issuers]]\n{issuer}\n{rules}\n")).expect("a file");
            let file = file.to_str().expect("a path");
            let said = process::fail(&server.database, &["config", "check", "--config", file]).await;
            assert!(said.contains("identity.issuers") && said.contains(words), "{issuer} {rules}: {said}");
        }
    }
}
