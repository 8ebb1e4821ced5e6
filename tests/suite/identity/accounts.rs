//! Accounts of the built-in provider: made once, disabled and enabled, verified.

use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::http::Api;
use crate::support::process;
use crate::support::tenant::{User, verify_email};
use crate::support::{Backend, Server, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

tests![
    of_many_sign_ups_at_once_with_one_address_one_wins,
    of_two_nodes_that_sign_up_one_address_one_wins,
    a_disabled_account_can_do_nothing,
    an_enabled_account_must_sign_in_again,
    disabling_is_told_only_after_the_right_password,
    a_verified_address_shows_in_the_next_token,
    a_refresh_token_is_stored_hashed,
    more_sign_ins_than_the_queue_holds_are_told_to_come_back,
];

async fn sign_up(server: &Api, email: &str) -> crate::support::http::Answer {
    call(server, "signUp", json!({ "email": email, "password": "correct-horse-battery" })).await
}

#[track_caller]
fn assert_one_wins(answers: Vec<crate::support::http::Answer>) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    lost.iter().for_each(|answer| assert_firebase_error(answer, "EMAIL_EXISTS"));
}

async fn of_many_sign_ups_at_once_with_one_address_one_wins(db: Backend) {
    let server = Server::start(db).await;
    let addresses = ["ada@example.com", "Ada@example.com", "ADA@EXAMPLE.COM"];
    assert_one_wins(join_all((0..9).map(|place| sign_up(&server, addresses[place % 3]))).await);
}

async fn of_two_nodes_that_sign_up_one_address_one_wins(db: Backend) {
    let one = Server::start(db).await;
    let two = one.another(|_| {}).await;
    let nodes = [&one, &two];
    assert_one_wins(join_all((0..6).map(|place| sign_up(nodes[place % 2], "ada@example.com"))).await);
}

async fn command(server: &Server, verb: &str, user: &User) {
    process::run(&server.database, &["user", verb, &user.email]).await;
}

async fn a_disabled_account_can_do_nothing(db: Backend) {
    let server = Server::start(db).await;
    let (user, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    command(&server, "disable", &user).await;
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    assert_firebase_error(&sign_in(&server, &user.email, &user.password).await, "USER_DISABLED");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*user.refresh_token)];
    let refreshed = server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await;
    assert_firebase_error(&refreshed, "USER_DISABLED");
    assert_firebase_error(&call(&server, "lookup", json!({ "idToken": user.id_token })).await, "USER_DISABLED");
    server.get("/v1/me").bearer(&other.id_token).send().await.expect(200);
}

async fn an_enabled_account_must_sign_in_again(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    command(&server, "disable", &user).await;
    command(&server, "enable", &user).await;
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    assert_firebase_error(&call(&server, "lookup", json!({ "idToken": user.id_token })).await, "TOKEN_EXPIRED");
    let again = sign_in(&server, &user.email, &user.password).await.expect(200);
    let me = server.get("/v1/me").bearer(&again.text_at("/idToken")).send().await.expect(200);
    assert_eq!(me["user"]["id"], user.user_id.as_str());
}

async fn disabling_is_told_only_after_the_right_password(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    command(&server, "disable", &user).await;
    assert_firebase_error(&sign_in(&server, &user.email, "another-password").await, "INVALID_LOGIN_CREDENTIALS");
}

async fn a_verified_address_shows_in_the_next_token(db: Backend) {
    let server = Server::start(db).await;
    let mut user = User::sign_up(&server).await;
    verify_email(&server, &mut user).await;
    assert_eq!(super::forge::claims_of(&user.id_token)["email_verified"], true);
    let looked_up = call(&server, "lookup", json!({ "idToken": user.id_token })).await.expect(200);
    assert_eq!(looked_up["users"][0]["emailVerified"], true);
}

async fn a_refresh_token_is_stored_hashed(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let stored = format!("{:?}", crate::support::dump::dump(&server.database));
    assert!(stored.contains("$argon2id$"), "the password is hashed");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in [&user.refresh_token, &user.password, &user.id_token] {
        assert!(!stored.contains(secret.as_str()) && !stored.to_lowercase().contains(&hex(secret)));
    }
}

async fn more_sign_ins_than_the_queue_holds_are_told_to_come_back(db: Backend) {
    let server = Server::with(db, |config| {
        config.identity.max_concurrent_hashes = 1;
        config.identity.max_queued_hashes = 1;
        config.identity.argon2.memory_kib = 32 * 1024;
    })
    .await;
    let user = User::sign_up(&server).await;
    let answers = join_all((0..12).map(|_| sign_in(&server, &user.email, &user.password))).await;
    let (through, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!through.is_empty() && !refused.is_empty(), "{} of 12 came through", through.len());
    refused.iter().for_each(|answer| assert_firebase_error(answer, "TOO_MANY_ATTEMPTS_TRY_LATER"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    sign_in(&server, &user.email, &user.password).await.expect(200);
}
