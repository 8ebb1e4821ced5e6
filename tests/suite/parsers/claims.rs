//! Claims of issuers about a person are bounded like what people type, and a bad one fails no sign-in.

use crate::identity::forge::{FIRST, changed};
use crate::identity::key_server::{Issuer, Project};
use crate::support::http::Api;
use crate::support::{Backend, tests};
use serde_json::{Value, json};

tests![bad_claims_of_an_issuer_are_cut_or_left_out, bad_claims_of_a_firebase_project_are_cut_or_left_out,];

/// What `GET /v1/me` says of the person of these claims: address and name.
async fn person(server: &Api, claims: &Value) -> (Value, Value) {
    let me = server.get("/v1/me").bearer(&FIRST.sign(claims)).send().await.expect(200);
    (me["user"]["email"].clone(), me["user"]["name"].clone())
}

async fn check(server: &Api, claims: &Value) {
    let with = |email: Value, name: Value| changed(&changed(claims, "email", email), "name", name);
    let ada = json!("ada@example.com");
    let (long, cut) = ("é".repeat(5_000), "é".repeat(256));
    for (name, kept) in [
        (json!(long), json!(cut)),
        (json!(" Ada Lovelace\r\n"), json!("Ada Lovelace")),
        (json!("\u{1b}[31mé".repeat(1_000)), Value::Null),
        (json!("Ada\r\nLovelace"), Value::Null),
        (json!("Ada\u{202e}\u{200b}"), Value::Null),
        (json!("\u{200b}\u{ad} \r\n"), Value::Null),
        (json!(5), Value::Null),
        (json!(["Ada"]), Value::Null),
        (json!({ "given": "Ada" }), Value::Null),
    ] {
        assert_eq!(person(server, &with(ada.clone(), name)).await, (ada.clone(), kept));
    }
    for email in [
        json!("ada@example.com\r\nBcc: eve@example.com"),
        json!("nN<victim@example.com>"),
        json!("kate@\u{212a}elly.example"),
        json!("a".repeat(10_000)),
        json!(5),
        json!(["ada@example.com"]),
    ] {
        assert_eq!(person(server, &with(email, json!("Ada"))).await, (Value::Null, json!("Ada")));
    }
    let unicode = with(json!("Ada@Bücher.example"), json!("Ada"));
    assert_eq!(person(server, &unicode).await.0, "ada@xn--bcher-kva.example");
    // Other claims about the person are not read at all.
    let picture = changed(&with(ada.clone(), json!("Ada")), "picture", json!("javascript:\u{0}".repeat(500)));
    assert_eq!(person(server, &picture).await, (ada, json!("Ada")));
}

async fn bad_claims_of_an_issuer_are_cut_or_left_out(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.trust_email = keyward::base::config::TrustEmail::Always).await;
    check(&issuer.server, &issuer.claims("ada")).await;
}

async fn bad_claims_of_a_firebase_project_are_cut_or_left_out(db: Backend) {
    let project = Project::start(db).await;
    check(&project.server, &project.claims("ada")).await;
}
