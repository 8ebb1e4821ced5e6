//! GitHub's secret scanning: a signature is the credential.

use super::{Github, PATH, feedback, found, pair, signature};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::smtp::Smtp;
use crate::support::tenant::verify_email;
use crate::support::{Backend, Server, Tenant, secrets, tests};
use keyward::base::config::GithubScanning;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_leaked_key_is_revoked_everywhere_and_its_creator_told,
    what_github_did_not_sign_changes_nothing,
    the_same_again_changes_nothing,
    githubs_keys_are_fetched_seldom_and_a_new_one_is_found,
    without_configuration_nobody_is_githubs,
];

async fn server(db: Backend, github: &Github, smtp: Option<&Smtp>) -> Server {
    let url = github.server.url();
    Server::with(db, |config| {
        config.mail.smtp_url = smtp.map(|smtp| smtp.url().into());
        config.leaks.github = Some(GithubScanning { public_keys_url: url, fetch_timeout: Duration::from_secs(5) });
    })
    .await
}

/// A delivery with these headers' values.
async fn deliver(server: &Server, body: &str, id: &str, signature: &str) -> Answer {
    let request = server.post(PATH).header("content-type", "application/json");
    let request = request.header("github-public-key-identifier", id).header("github-public-key-signature", signature);
    request.body(body.to_owned()).send().await
}

async fn send(server: &Server, github: &Github, body: &Value) -> Answer {
    let body = body.to_string();
    deliver(server, &body, "current", &github.sign(&body)).await
}

async fn a_leaked_key_is_revoked_everywhere_and_its_creator_told(db: Backend) {
    let (github, smtp) = (Github::start(), Smtp::start());
    let server = server(db, &github, Some(&smtp)).await;
    let node = server.another(|_| {}).await;
    let mut tenant = Tenant::new(&server).await;
    let mut owner = tenant.owner.clone();
    verify_email(&server, &mut owner).await;
    tenant.owner = owner;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "Deploy" })).await;
    let spared = tenant.create_key(&tenant.owner, json!({})).await;
    for at in [&server, &node] {
        at.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    }
    let nobodys = keyward::domain::api_keys::KeyFormat::base62("sk_live_").generate();
    secrets::register(nobodys.expose());
    let page = format!("https://github.com/search?q={}", key.plaintext);
    let mut first = found(&key.plaintext);
    first["url"] = json!(page);
    let body = json!([found(nobodys.expose()), first, found("sk_live_nonsense"), found(&key.plaintext), found("")]);
    let answer = send(&server, &github, &body).await.expect(200);
    let expected = [
        feedback(nobodys.expose(), "false_positive"),
        feedback(&key.plaintext, "true_positive"),
        feedback("sk_live_nonsense", "false_positive"),
        feedback(&key.plaintext, "true_positive"),
        feedback("", "false_positive"),
    ];
    assert_eq!(answer.body, json!(expected));
    for at in [&server, &node] {
        at.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
        at.get("/v1/whoami").bearer(&spared.plaintext).send().await.expect(200);
    }
    let path = tenant.organization_path("/audit-events?action=api_key.revoked&actor=leak_scanner");
    let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1));
    let event = &events["data"][0];
    assert_eq!(event["actor"], json!({ "kind": "leak_scanner", "id": "github", "name": null, "email": null }));
    let place = "https://github.com/search?q=[redacted]";
    assert_eq!(event["after"], json!({ "revoked": true, "reason": "leaked", "foundAt": place, "foundIn": "content" }));
    let mail = smtp.mail(1).await;
    assert!(mail.contains(&format!("To: {}", tenant.owner.email)), "{mail}");
    let preview = key.body["preview"].as_str().expect("a preview");
    for part in [preview, "Deploy", "Production", place] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    assert!(!mail.contains(&key.plaintext));
}

async fn what_github_did_not_sign_changes_nothing(db: Backend) {
    let github = Github::start();
    let server = server(db, &github, None).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let body = json!([found(&key.plaintext)]).to_string();
    let good = github.sign(&body);
    let before = dump(&server.database);
    let forged = signature(&pair(), &body);
    let cases = [
        (body.clone(), "current", forged.as_str()),
        (body.clone(), "unknown", &good),
        (body.clone(), "other", &good),
        (body.clone(), "", &good),
        (body.clone(), "current", ""),
        (body.clone(), "current", "not base64!"),
        (body.clone(), "current", &good[..good.len() - 8]),
        (format!("{body} "), "current", &good),
    ];
    for (body, id, signature) in cases {
        let refused = deliver(&server, &body, id, signature).await;
        refused.expect_error(401, "invalid_api_key");
    }
    let unsigned = server.post(PATH).header("content-type", "application/json").body(body.clone());
    unsigned.send().await.expect_error(401, "missing_credentials");
    for bad in ["{}", "[1]", "[{}]", "[{\"token\":1}]"] {
        let refused = deliver(&server, bad, "current", &github.sign(bad)).await;
        refused.expect_error(422, "validation_failed");
    }
    deliver(&server, "[", "current", &github.sign("[")).await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}

async fn the_same_again_changes_nothing(db: Backend) {
    let (github, smtp) = (Github::start(), Smtp::start());
    let server = server(db, &github, Some(&smtp)).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let new = roll.json(json!({ "overlapSeconds": 60 })).send().await.expect(200).text_at("/plaintext");
    server.clock.advance(Duration::from_secs(61));
    // What has ended at a roll is a key's text all right, and nothing stops.
    let body = json!([found(&key.plaintext)]);
    let answer = send(&server, &github, &body).await.expect(200);
    assert_eq!(answer.body, json!([feedback(&key.plaintext, "true_positive")]));
    server.get("/v1/whoami").bearer(&new).send().await.expect(200);
    let body = json!([found(&new)]);
    let first = send(&server, &github, &body).await.expect(200);
    let state = |server: &Server| {
        let dump = dump(&server.database);
        (dump["api_keys"].clone(), dump["audit_events"].clone())
    };
    let before = state(&server);
    let again = send(&server, &github, &body).await.expect(200);
    assert_eq!((again.body, state(&server)), (first.body, before));
    // The address is not verified: it may be a stranger's.
    assert_eq!(smtp.count(), 0);
    let none = send(&server, &github, &json!([])).await.expect(200);
    assert_eq!(none.body, json!([]));
}

async fn githubs_keys_are_fetched_seldom_and_a_new_one_is_found(db: Backend) {
    let github = Github::start();
    let server = server(db, &github, None).await;
    let body = json!([found("sk_live_nonsense")]).to_string();
    for _ in 0..3 {
        deliver(&server, &body, "current", &github.sign(&body)).await.expect(200);
        deliver(&server, &body, "made-up", &github.sign(&body)).await.expect_error(401, "invalid_api_key");
    }
    assert_eq!(github.server.fetches(), 1);
    github.publish("next");
    server.clock.advance(Duration::from_secs(601));
    deliver(&server, &body, "next", &github.sign(&body)).await.expect(200);
    assert_eq!(github.server.fetches(), 2);
    github.server.go_down();
    server.clock.advance(Duration::from_secs(30 * 3600));
    deliver(&server, &body, "next", &github.sign(&body)).await.expect_error(503, "unavailable");
}

async fn without_configuration_nobody_is_githubs(db: Backend) {
    let github = Github::start();
    let server = Server::start(db).await;
    let body = json!([found("sk_live_nonsense")]).to_string();
    deliver(&server, &body, "current", &github.sign(&body)).await.expect_error(401, "missing_credentials");
    assert_eq!(github.server.fetches(), 0);
}
