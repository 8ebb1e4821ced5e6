//! Firebase's REST API: the answers of each path, field by field, and its errors.

use super::forge::{FIRST, claims_of};
use super::key_server::Project;
use crate::support::http::{Answer, Api, is_timestamp};
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    sign_up_answers_as_firebase_does,
    sign_in_answers_as_firebase_does,
    lookup_answers_as_firebase_does,
    a_refresh_answers_as_firebase_does_and_keeps_the_time_of_the_sign_in,
    a_refresh_takes_json_as_well,
    each_refusal_of_a_sign_up_has_firebases_code,
    each_refusal_of_a_sign_in_has_firebases_code,
    a_wrong_password_and_an_unknown_address_get_the_same_answer,
    each_refusal_of_a_refresh_has_firebases_code,
    each_refusal_of_a_lookup_has_firebases_code,
    an_anonymous_sign_up_is_refused,
    other_operations_are_not_allowed,
    a_database_that_does_not_answer_is_503_and_no_refusal,
];

pub const PASSWORD: &str = "correct-horse-battery";

pub async fn call(server: &Api, operation: &str, body: Value) -> Answer {
    let path = format!("/identitytoolkit.googleapis.com/v1/accounts:{operation}?key=any");
    server.post(&path).json(body).send().await
}

pub async fn sign_in(server: &Api, email: &str, password: &str) -> Answer {
    call(server, "signInWithPassword", json!({ "email": email, "password": password, "returnSecureToken": true })).await
}

async fn refresh(server: &Api, form: &[(&str, &str)]) -> Answer {
    server.post("/securetoken.googleapis.com/v1/token?key=any").form(form).send().await
}

/// Fails unless it is this error, exactly in Firebase's shape.
#[track_caller]
pub fn assert_firebase_error(answer: &Answer, message: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let errors = json!([{ "message": message, "domain": "global", "reason": "invalid" }]);
    assert_eq!(answer.body, json!({ "error": { "code": 400, "message": message, "errors": errors } }));
}

#[track_caller]
fn assert_fields(body: &Value, expected: &[&str]) {
    let mut names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

async fn sign_up_answers_as_firebase_does(db: Backend) {
    let server = Server::start(db).await;
    let body = json!({ "email": "Ada@Example.com", "password": PASSWORD, "returnSecureToken": true });
    let answer = call(&server, "signUp", body).await.expect(200);
    assert_fields(&answer.body, &["kind", "localId", "email", "idToken", "refreshToken", "expiresIn"]);
    assert_eq!(answer["kind"], "identitytoolkit#SignupNewUserResponse");
    assert_eq!(answer["email"], "ada@example.com");
    assert_eq!(answer["expiresIn"], "3600");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let id = answer.text_at("/localId");
    assert!(id.len() == 28 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(claims_of(&answer.text_at("/idToken"))["sub"], id.as_str());
    server.get("/v1/me").bearer(&answer.text_at("/idToken")).send().await.expect(200);
}

async fn sign_in_answers_as_firebase_does(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    server.clock.advance(Duration::from_secs(100));
    let answer = sign_in(&server, &user.email.to_uppercase(), &user.password).await.expect(200);
    assert_fields(&answer.body, &["kind", "localId", "email", "idToken", "refreshToken", "expiresIn", "registered"]);
    assert_eq!(answer["kind"], "identitytoolkit#VerifyPasswordResponse");
    assert_eq!(answer["localId"], user.local_id.as_str());
    assert_eq!(answer["registered"], true);
    assert_ne!(answer["refreshToken"], user.refresh_token.as_str());
    let signed_up = claims_of(&user.id_token)["auth_time"].as_i64().expect("an integer");
    let signed_in = claims_of(&answer.text_at("/idToken"))["auth_time"].as_i64().expect("an integer");
    assert!(signed_in - signed_up >= 100);
    server.database.execute("UPDATE accounts SET display_name = 'Ada Lovelace'");
    let answer = sign_in(&server, &user.email, &user.password).await.expect(200);
    assert_eq!(answer["displayName"], "Ada Lovelace");
    assert_eq!(claims_of(&answer.text_at("/idToken"))["name"], "Ada Lovelace");
    let me = server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(me["user"]["name"], "Ada Lovelace", "the row counts, not the older token");
}

async fn lookup_answers_as_firebase_does(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let answer = call(&server, "lookup", json!({ "idToken": user.id_token })).await.expect(200);
    assert_fields(&answer.body, &["kind", "users"]);
    assert_eq!(answer["kind"], "identitytoolkit#GetAccountInfoResponse");
    assert_eq!(answer["users"].as_array().map(Vec::len), Some(1));
    let found = &answer["users"][0];
    let names = [
        "localId",
        "email",
        "emailVerified",
        "providerUserInfo",
        "createdAt",
        "lastLoginAt",
        "validSince",
        "passwordUpdatedAt",
        "lastRefreshAt",
    ];
    assert_fields(found, &names);
    assert_eq!(found["localId"], user.local_id.as_str());
    assert_eq!(found["email"], user.email.as_str());
    assert_eq!(found["emailVerified"], false);
    let email = &user.email;
    let provider = json!({ "providerId": "password", "email": email, "federatedId": email, "rawId": email });
    assert_eq!(found["providerUserInfo"], json!([provider]));
    let created: i64 = found["createdAt"].as_str().expect("text").parse().expect("milliseconds");
    assert_eq!(found["lastLoginAt"], created.to_string());
    assert_eq!(found["validSince"], (created / 1000).to_string());
    assert_eq!(found["passwordUpdatedAt"], created);
    assert!(is_timestamp(found["lastRefreshAt"].as_str().expect("text")));
    assert!(!answer.text.contains("argon2"));
}

async fn a_refresh_answers_as_firebase_does_and_keeps_the_time_of_the_sign_in(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    server.clock.advance(Duration::from_secs(5000));
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*user.refresh_token)];
    let answer = refresh(&server, &form).await.expect(200);
    let names = ["access_token", "id_token", "refresh_token", "expires_in", "token_type", "user_id", "project_id"];
    assert_fields(&answer.body, &names);
    assert_eq!(answer["access_token"], answer["id_token"]);
    assert_ne!(answer["refresh_token"], user.refresh_token.as_str(), "it is replaced");
    assert_eq!(answer["expires_in"], "3600");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["user_id"], user.local_id.as_str());
    assert_eq!(answer["project_id"], "keyward");
    let (before, after) = (claims_of(&user.id_token), claims_of(&answer.text_at("/id_token")));
    assert_eq!(before["auth_time"], after["auth_time"]);
    assert!(after["iat"].as_i64() >= before["iat"].as_i64().map(|iat| iat + 5000));
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "id_token_expired");
    server.get("/v1/me").bearer(&answer.text_at("/id_token")).send().await.expect(200);
    let again = refresh(&server, &form).await.expect(200);
    assert_eq!(again["refresh_token"], answer["refresh_token"], "tabs share the next one");
}

async fn a_refresh_takes_json_as_well(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let body = json!({ "grant_type": "refresh_token", "refresh_token": user.refresh_token });
    server.post("/securetoken.googleapis.com/v1/token").json(body).send().await.expect(200);
}

async fn each_refusal_of_a_sign_up_has_firebases_code(db: Backend) {
    let server = Server::start(db).await;
    let long = "x".repeat(4097);
    for (email, password, message) in [
        (json!("ada@example.com"), json!("12345"), "WEAK_PASSWORD : Password should be at least 8 characters"),
        (json!("ada@example.com"), json!("12345678"), "WEAK_PASSWORD : Password is too easy to guess"),
        (json!("ada@example.com"), json!(long), "WEAK_PASSWORD : Password should be at most 4096 characters"),
        (json!("ada@example.com"), json!(""), "MISSING_PASSWORD"),
        (json!("ada@example.com"), Value::Null, "MISSING_PASSWORD"),
        (json!(""), json!(PASSWORD), "MISSING_EMAIL"),
        (Value::Null, json!(PASSWORD), "MISSING_EMAIL"),
        (json!("ada"), json!(PASSWORD), "INVALID_EMAIL"),
        (json!("ada@example"), json!(PASSWORD), "INVALID_EMAIL"),
        (json!("a da@example.com"), json!(PASSWORD), "INVALID_EMAIL"),
        (json!("ada\u{0}@example.com"), json!(PASSWORD), "INVALID_EMAIL"),
    ] {
        let answer = call(&server, "signUp", json!({ "email": email, "password": password })).await;
        assert_firebase_error(&answer, message);
    }
    call(&server, "signUp", json!({ "email": "ada@example.com", "password": "zvkqxwmd" })).await.expect(200);
    let again = call(&server, "signUp", json!({ "email": "ADA@example.com", "password": PASSWORD })).await;
    assert_firebase_error(&again, "EMAIL_EXISTS");
}

async fn each_refusal_of_a_sign_in_has_firebases_code(db: Backend) {
    let server = Server::start(db).await;
    for (email, password, message) in [
        (json!("ada@example.com"), Value::Null, "MISSING_PASSWORD"),
        (Value::Null, json!(PASSWORD), "MISSING_EMAIL"),
        (Value::Null, Value::Null, "MISSING_EMAIL"),
        (json!("ada"), json!(PASSWORD), "INVALID_EMAIL"),
        (json!("ada@example.com"), json!(PASSWORD), "INVALID_LOGIN_CREDENTIALS"),
        (json!("ada@example.com"), json!("x".repeat(5000)), "INVALID_LOGIN_CREDENTIALS"),
    ] {
        let answer = call(&server, "signInWithPassword", json!({ "email": email, "password": password })).await;
        assert_firebase_error(&answer, message);
    }
}

async fn a_wrong_password_and_an_unknown_address_get_the_same_answer(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let wrong = sign_in(&server, &user.email, "another-password").await;
    let unknown = sign_in(&server, "nobody@example.com", "another-password").await;
    assert_firebase_error(&wrong, "INVALID_LOGIN_CREDENTIALS");
    assert_eq!(wrong.text, unknown.text);
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
}

async fn each_refusal_of_a_refresh_has_firebases_code(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let token = user.refresh_token.as_str();
    let made_up = "A".repeat(43);
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("refresh_token", token)], "MISSING_GRANT_TYPE"),
        (&[("grant_type", ""), ("refresh_token", token)], "MISSING_GRANT_TYPE"),
        (&[("grant_type", "password"), ("refresh_token", token)], "INVALID_GRANT_TYPE"),
        (&[("grant_type", "refresh_token")], "MISSING_REFRESH_TOKEN"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "nonsense")], "INVALID_REFRESH_TOKEN"),
        (&[("grant_type", "refresh_token"), ("refresh_token", &user.id_token)], "INVALID_REFRESH_TOKEN"),
        (&[("grant_type", "refresh_token"), ("refresh_token", &made_up)], "TOKEN_EXPIRED"),
    ];
    for (form, message) in cases {
        assert_firebase_error(&refresh(&server, form).await, message);
    }
    let path = "/securetoken.googleapis.com/v1/token";
    assert_firebase_error(&server.post(path).send().await, "MISSING_GRANT_TYPE");
}

async fn each_refusal_of_a_lookup_has_firebases_code(db: Backend) {
    let project = Project::start(db).await;
    let server = &project.server;
    let user = User::sign_up(server).await;
    for (body, message) in [
        (json!({}), "MISSING_ID_TOKEN"),
        (json!({ "idToken": "a.b.c" }), "INVALID_ID_TOKEN"),
        (json!({ "idToken": user.refresh_token }), "INVALID_ID_TOKEN"),
        (json!({ "idToken": project.token(&FIRST) }), "INVALID_ID_TOKEN"),
    ] {
        assert_firebase_error(&call(server, "lookup", body).await, message);
    }
    let body = json!({ "idToken": user.id_token });
    server.database.execute("UPDATE accounts SET valid_since = last_login_at");
    call(server, "lookup", body.clone()).await.expect(200);
    server.clock.advance(Duration::from_secs(3601));
    assert_firebase_error(&call(server, "lookup", body).await, "INVALID_ID_TOKEN");
    let mut user = user;
    user.refresh(server).await;
    server.database.execute("DELETE FROM accounts");
    let body = json!({ "idToken": user.id_token });
    assert_firebase_error(&call(server, "lookup", body).await, "USER_NOT_FOUND");
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
}

async fn an_anonymous_sign_up_is_refused(db: Backend) {
    let server = Server::start(db).await;
    assert_firebase_error(&call(&server, "signUp", json!({ "returnSecureToken": true })).await, "ADMIN_ONLY_OPERATION");
}

async fn other_operations_are_not_allowed(db: Backend) {
    let server = Server::start(db).await;
    for operation in ["signInWithIdp", "signInWithCustomToken", "createAuthUri", "signInWithEmailLink", "x"] {
        assert_firebase_error(&call(&server, operation, json!({})).await, "OPERATION_NOT_ALLOWED");
    }
    let wrong_method = server.get("/identitytoolkit.googleapis.com/v1/accounts:signUp").send().await;
    wrong_method.expect_error(405, "method_not_allowed");
}

async fn a_database_that_does_not_answer_is_503_and_no_refusal(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let mut blocker = server.database.connect();
    let lock = match db {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN; LOCK TABLE accounts",
    };
    blocker.batch_execute(lock).expect("a lock");
    sign_in(&server, &user.email, &user.password).await.expect_error(503, "unavailable");
    blocker.batch_execute("ROLLBACK").expect("no lock");
    sign_in(&server, &user.email, &user.password).await.expect(200);
}
