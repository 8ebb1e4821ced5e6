//! Firebase's paths, called from pages of other origins.

use super::rest::call;
use crate::support::http::{Answer, Request};
use crate::support::{Backend, Server, tests};
use diesel::connection::SimpleConnection;
use serde_json::json;

tests![every_path_is_preflighted_for_configured_origins, every_answer_can_be_read_errors_too];

const ORIGIN: &str = "https://admin.example.com";
const HEADERS: &str =
    "content-type,x-client-version,x-firebase-client,x-firebase-gmpid,x-firebase-locale,x-firebase-appcheck";

async fn start(db: Backend) -> Server {
    Server::with(db, |config| {
        config.server.cors_origins = vec![ORIGIN.to_owned()];
        config.server.body_limit = 1000;
    })
    .await
}

fn paths() -> Vec<String> {
    let operations =
        ["signUp", "signInWithPassword", "lookup", "update", "delete", "sendOobCode", "resetPassword", "other"];
    let mut paths: Vec<_> =
        operations.iter().map(|name| format!("/identitytoolkit.googleapis.com/v1/accounts:{name}?key=any")).collect();
    paths.push("/securetoken.googleapis.com/v1/token?key=any".to_owned());
    paths
}

async fn every_path_is_preflighted_for_configured_origins(db: Backend) {
    let server = start(db).await;
    let preflight = |path: &str, origin: &str| {
        let request = server.request("OPTIONS".parse().expect("a method"), path).header("origin", origin);
        request.header("access-control-request-method", "POST").header("access-control-request-headers", HEADERS).send()
    };
    for path in paths() {
        let allowed = preflight(&path, ORIGIN).await.expect(200);
        assert_eq!(allowed.header("access-control-allow-origin"), Some(ORIGIN), "{path}");
        let headers = allowed.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        assert!(HEADERS.split(',').all(|name| headers.contains(name)), "{path}: {headers}");
        let refused = preflight(&path, "https://evil.example").await;
        assert_eq!(refused.header("access-control-allow-origin"), None, "{path}");
    }
}

#[track_caller]
fn assert_readable(answer: Answer, status: u16) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{}", answer.text);
    answer.expect(status);
}

async fn every_answer_can_be_read_errors_too(db: Backend) {
    let server = start(db).await;
    let post = |path: &str| -> Request { server.post(path).header("origin", ORIGIN) };
    for path in paths() {
        assert_readable(post(&path).json(json!({})).send().await, 400);
        let large = post(&path).json(json!({ "email": "x".repeat(2000) })).send().await;
        // What is not offered is refused before anything is read.
        assert_readable(large, if path.contains("other") { 400 } else { 413 });
    }
    let person = json!({ "email": "ada@example.com", "password": "correct-horse-battery" });
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signUp";
    assert_readable(post(path).json(person.clone()).send().await, 200);
    let mut blocker = server.database.connect();
    let lock = match db {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN; LOCK TABLE accounts",
    };
    blocker.batch_execute(lock).expect("a lock");
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword";
    assert_readable(post(path).json(person.clone()).send().await, 503);
    blocker.batch_execute("ROLLBACK").expect("no lock");
    call(&server, "signInWithPassword", person).await.expect(200);
}
