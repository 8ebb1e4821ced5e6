//! The log names the rule that a refused token breaks, and nothing of the token. The answer is the same for all.

use super::forge::{FIRST, SECOND, changed, unsigned};
use super::key_server::{KeyServer, settings_of};
use crate::support::http::Answer;
use crate::support::process::Keyward;
use crate::support::{Backend, Server, log, tests};
use serde_json::{Value, json};

tests![the_log_names_the_rule_and_nothing_of_the_token];

/// The cause in the one line about a request.
fn cause(answer: &Answer) -> String {
    let events = log::events_of(answer.header("x-request-id").expect("an id"));
    let mut lines = events.iter().filter(|event| event["target"] == "keyward::server::observe::log_line");
    let line = lines.next().unwrap_or_else(|| panic!("no line in {events:?}"));
    line["cause"].as_str().unwrap_or_else(|| panic!("no cause in {line}")).to_owned()
}

async fn the_log_names_the_rule_and_nothing_of_the_token(db: Backend) {
    let keys = KeyServer::start(&[&FIRST]);
    let name = settings_of(&keys).issuer;
    let settings = format!(
        "[[identity.issuers]]\nissuer = \"{name}\"\naudience = \"app\"\nauthorized_parties = [\"front\"]\n\
         required_claims = {{ hd = \"example.com\", \"realm_access.roles\" = [\"admin\", \"owner\"] }}\n"
    );
    let server = Server::start(db).await;
    let mut child = Keyward::serve_logging(server.database.clone(), &settings, "info").await;
    let now = chrono::Utc::now().timestamp();
    let good = json!({
        "iss": name, "aud": "app", "azp": "front", "sub": "subject-Zq7", "iat": now, "exp": now + 3600,
        "hd": "example.com", "realm_access": { "roles": ["owner"] }, "email": "Zq7@example.com", "email_verified": true,
    });
    child.get("/v1/me").bearer(&FIRST.sign(&good)).send().await.expect(200);
    let with = |claim: &str, value: Value| FIRST.sign(&changed(&good, claim, value));
    let header = |name: &str, value: Value| {
        FIRST.sign_under(&changed(&json!({ "alg": "RS256", "kid": "first", "typ": "JWT" }), name, value), &good)
    };
    let invalid = "invalid_id_token";
    let rows = [
        (with("iss", json!("https://other-Zq7.example")), "iss", invalid),
        (with("aud", json!("other-Zq7")), "aud", invalid),
        (with("azp", json!("other-Zq7")), "azp", invalid),
        (with("sub", json!("")), "sub", invalid),
        (with("sub", Value::Null), "sub", invalid),
        (with("iat", json!("yesterday-Zq7")), "iat", invalid),
        (with("iat", json!(now + 600)), "iat", invalid),
        (with("auth_time", json!(now + 600)), "auth_time", invalid),
        (with("nbf", json!(now + 600)), "nbf", invalid),
        (with("exp", json!(now - 60)), "exp", "id_token_expired"),
        (with("exp", Value::Null), "exp", invalid),
        (with("is_anonymous", json!(true)), "anonymous", invalid),
        (with("hd", json!("other-Zq7.example")), "hd", invalid),
        (with("realm_access", json!({ "roles": ["guest-Zq7"] })), "realm_access.roles", invalid),
        (header("alg", json!("RS512")), "alg", invalid),
        (header("typ", json!("at+jwt")), "typ", invalid),
        (header("crit", json!(["b64"])), "crit", invalid),
        (header("kid", json!("unknown-Zq7")), "kid", invalid),
        (unsigned("first", &good), "header", invalid),
        (SECOND.sign_under(&json!({ "alg": "RS256", "kid": "first" }), &good), "signature", invalid),
        ("a.b.c".to_owned(), "iss", invalid),
    ];
    let mut answers = Vec::new();
    for (token, rule, code) in &rows {
        let answer = child.get("/v1/me").bearer(token).send().await.expect_error(401, code);
        assert!(!answer.text.contains("claim") && !answer.text.contains("Zq7"), "{rule}: {}", answer.text);
        answers.push(answer);
    }
    child.terminate();
    for (answer, (token, rule, _)) in answers.iter().zip(&rows) {
        let cause = cause(answer);
        assert!(cause.starts_with(&format!("{rule}: ")), "{rule}: {cause}");
        let line = format!("{:?}", log::events_of(answer.header("x-request-id").expect("an id")));
        let parts = token.split('.').filter(|part| part.len() > 8);
        assert!(!line.contains("Zq7") && parts.into_iter().all(|part| !line.contains(part)), "{rule}: {line}");
    }
}
