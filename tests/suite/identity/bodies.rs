//! Bodies at Firebase's paths: what is read, what is passed over, and what is refused.

use super::rest::{PASSWORD, assert_firebase_error, call};
use crate::support::{Backend, Server, tests};
use serde_json::json;

tests![a_body_that_can_not_be_read_is_refused_in_firebases_shape, too_large_a_body_is_413, unknown_fields_are_ignored,];

async fn a_body_that_can_not_be_read_is_refused_in_firebases_shape(db: Backend) {
    let server = Server::start(db).await;
    let bodies =
        ["", "{", "[]", "null", "\"text\"", r#"{"email":5,"password":"x"}"#, r#"{"idToken":[]}"#, "\u{feff}{}"];
    for operation in ["signUp", "signInWithPassword", "lookup"] {
        let path = format!("/identitytoolkit.googleapis.com/v1/accounts:{operation}");
        for body in bodies.iter().filter(|body| operation == "lookup" || !body.contains("idToken")) {
            let request = server.post(&path).header("content-type", "application/json").body(*body);
            let answer = request.send().await;
            if operation == "lookup" && body.contains("email") {
                assert_firebase_error(&answer, "MISSING_ID_TOKEN");
            } else {
                assert_firebase_error(&answer, "INVALID_JSON");
            }
        }
        let request = server.post(&path).header("content-type", "text/plain").body("{}");
        assert_firebase_error(&request.send().await, "INVALID_JSON");
    }
}

async fn too_large_a_body_is_413(db: Backend) {
    let server = Server::with(db, |config| config.server.body_limit = 1000).await;
    let body = json!({ "email": "ada@example.com", "password": "x".repeat(2000) });
    call(&server, "signUp", body).await.expect_error(413, "body_too_large");
}

async fn unknown_fields_are_ignored(db: Backend) {
    let server = Server::start(db).await;
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "returnSecureToken": true,
        "clientType": "CLIENT_TYPE_WEB", "captchaResponse": "x", "recaptchaVersion": "RECAPTCHA_ENTERPRISE",
    });
    call(&server, "signUp", body.clone()).await.expect(200);
    call(&server, "signInWithPassword", body).await.expect(200);
}
