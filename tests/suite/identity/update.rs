//! `accounts:update`: name, picture and password.

use super::forge::claims_of;
use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::process;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_profile_is_changed_and_shows_in_the_next_token,
    what_is_null_empty_or_named_is_taken_away,
    a_new_password_ends_every_sign_in_and_answers_a_new_one,
    of_two_changes_of_a_password_at_once_one_wins,
    a_new_password_wants_a_recent_sign_in,
    each_refusal_has_firebases_code_and_changes_nothing,
];

const NEW: &str = "a-brand-new-password";

async fn refresh(server: &Api, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await
}

async fn a_profile_is_changed_and_shows_in_the_next_token(db: Backend) {
    let server = Server::start(db).await;
    let mut user = User::sign_up(&server).await;
    let picture = "https://example.com/ada.png";
    let body =
        json!({ "idToken": user.id_token, "displayName": "Ada", "photoUrl": picture, "returnSecureToken": true });
    let answer = call(&server, "update", body).await.expect(200);
    let provider = json!({
        "providerId": "password", "email": user.email, "federatedId": user.email, "rawId": user.email,
        "displayName": "Ada", "photoUrl": picture,
    });
    assert_eq!(
        answer.body,
        json!({
            "kind": "identitytoolkit#SetAccountInfoResponse", "localId": user.local_id, "email": user.email,
            "displayName": "Ada", "photoUrl": picture, "emailVerified": false, "providerUserInfo": [provider],
        })
    );
    let me = server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(me["user"]["name"], "Ada");
    user.refresh(&server).await;
    let claims = claims_of(&user.id_token);
    assert_eq!((&claims["name"], &claims["picture"]), (&json!("Ada"), &json!(picture)));
}

async fn what_is_null_empty_or_named_is_taken_away(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    for change in
        [json!({ "displayName": null, "photoUrl": "" }), json!({ "deleteAttribute": ["DISPLAY_NAME", "PHOTO_URL"] })]
    {
        let both = json!({ "idToken": user.id_token, "displayName": "Ada", "photoUrl": "https://example.com/a" });
        call(&server, "update", both).await.expect(200);
        let mut body = change.clone();
        body["idToken"] = json!(user.id_token);
        let answer = call(&server, "update", body).await.expect(200);
        assert!(answer["displayName"].is_null() && answer["photoUrl"].is_null(), "{change}: {}", answer.text);
    }
    let nothing = call(&server, "update", json!({ "idToken": user.id_token })).await.expect(200);
    assert_eq!(nothing["email"], user.email.as_str());
}

async fn a_new_password_ends_every_sign_in_and_answers_a_new_one(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(200);
    let answer = call(&server, "update", json!({ "idToken": user.id_token, "password": NEW })).await.expect(200);
    assert_eq!(answer["expiresIn"], "3600");
    let (token, refresh_token) = (answer.text_at("/idToken"), answer.text_at("/refreshToken"));
    server.get("/v1/me").bearer(&token).send().await.expect(200);
    for old in [&user.id_token, &elsewhere.text_at("/idToken")] {
        server.get("/v1/me").bearer(old).send().await.expect_error(401, "invalid_id_token");
        assert_firebase_error(&call(&server, "lookup", json!({ "idToken": old })).await, "TOKEN_EXPIRED");
        assert_firebase_error(
            &call(&server, "update", json!({ "idToken": old, "displayName": "x" })).await,
            "TOKEN_EXPIRED",
        );
    }
    for old in [&user.refresh_token, &elsewhere.text_at("/refreshToken")] {
        assert_firebase_error(&refresh(&server, old).await, "TOKEN_EXPIRED");
    }
    refresh(&server, &refresh_token).await.expect(200);
    assert_firebase_error(&sign_in(&server, &user.email, &user.password).await, "INVALID_LOGIN_CREDENTIALS");
    sign_in(&server, &user.email, NEW).await.expect(200);
    let found = call(&server, "lookup", json!({ "idToken": token })).await.expect(200);
    let since: i64 = found.text_at("/users/0/validSince").parse().expect("seconds");
    assert!(since > claims_of(&user.id_token)["auth_time"].as_i64().expect("an integer"));
    assert_eq!(claims_of(&token)["auth_time"], since);
}

async fn of_two_changes_of_a_password_at_once_one_wins(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let change =
        |password: &'static str| call(&server, "update", json!({ "idToken": user.id_token, "password": password }));
    let (one, other) = futures_util::future::join(change("first-password"), change("second-password")).await;
    let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
    won.expect(200);
    assert_firebase_error(&lost, "TOKEN_EXPIRED");
}

async fn a_new_password_wants_a_recent_sign_in(db: Backend) {
    let server = Server::start(db).await;
    let mut user = User::sign_up(&server).await;
    server.clock.advance(Duration::from_secs(301));
    user.refresh(&server).await;
    let before = dump(&server.database);
    let change = |token: &str| json!({ "idToken": token, "password": NEW, "displayName": "Ada" });
    let late = call(&server, "update", change(&user.id_token)).await;
    assert_firebase_error(&late, "CREDENTIAL_TOO_OLD_LOGIN_AGAIN");
    assert_unchanged(&before, &server.database);
    call(&server, "update", json!({ "idToken": user.id_token, "displayName": "Ada" })).await.expect(200);
    let again = sign_in(&server, &user.email, &user.password).await.expect(200);
    server.clock.advance(Duration::from_secs(290));
    call(&server, "update", change(&again.text_at("/idToken"))).await.expect(200);
}

async fn each_refusal_has_firebases_code_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let (user, gone, disabled) =
        (User::sign_up(&server).await, User::sign_up(&server).await, User::sign_up(&server).await);
    call(&server, "delete", json!({ "idToken": gone.id_token })).await.expect(200);
    process::run(&server.database, &["user", "disable", &disabled.email]).await;
    let before = dump(&server.database);
    let with = |mut body: Value| {
        body["idToken"] = json!(user.id_token);
        body
    };
    let photo = "INVALID_PROFILE_ATTRIBUTE : photoUrl should be an http or https address of at most 2048 characters";
    for (body, message) in [
        (json!({}), "MISSING_ID_TOKEN"),
        (json!({ "idToken": "" }), "MISSING_ID_TOKEN"),
        (json!({ "idToken": "a.b.c", "displayName": "x" }), "INVALID_ID_TOKEN"),
        (json!({ "idToken": gone.id_token, "displayName": "x" }), "USER_NOT_FOUND"),
        (json!({ "idToken": disabled.id_token, "displayName": "x" }), "USER_DISABLED"),
        (json!({ "idToken": disabled.id_token, "password": NEW }), "USER_DISABLED"),
        (with(json!({ "password": "12345" })), "WEAK_PASSWORD : Password should be at least 8 characters"),
        (with(json!({ "password": "" })), "WEAK_PASSWORD : Password should be at least 8 characters"),
        (
            with(json!({ "displayName": "é".repeat(257) })),
            "INVALID_PROFILE_ATTRIBUTE : displayName should be at most 256 characters",
        ),
        (
            with(json!({ "displayName": "a\u{0}b" })),
            "INVALID_PROFILE_ATTRIBUTE : displayName should have no control characters",
        ),
        (with(json!({ "displayName": "ok", "photoUrl": "javascript:alert(1)" })), photo),
        (with(json!({ "email": "new@example.com" })), "OPERATION_NOT_ALLOWED : E-mail addresses can't be changed."),
        (with(json!({ "displayName": 5 })), "INVALID_JSON"),
        (json!({ "oobCode": "nobodys-code-at-all" }), "INVALID_OOB_CODE"),
    ] {
        assert_firebase_error(&call(&server, "update", body).await, message);
    }
    assert_unchanged(&before, &server.database);
}
