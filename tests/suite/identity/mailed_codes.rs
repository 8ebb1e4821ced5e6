//! Codes that are mailed: asked for, checked, used, and refused.

use super::forge::claims_of;
use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::secrets;
use crate::support::smtp::Smtp;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_mailed_code_sets_a_new_password_once_and_signs_out_everywhere,
    a_mailed_code_confirms_an_address,
    an_unknown_address_gets_the_same_answer_and_no_mail,
    a_newer_code_replaces_an_older_one,
    nobodys_mailbox_is_flooded,
    a_code_expires,
    a_code_is_good_for_nothing_else,
    of_two_uses_of_a_code_at_once_one_wins,
    a_code_is_stored_hashed,
    each_refusal_of_a_mail_has_firebases_code,
    without_a_mail_server_no_mail_is_promised,
    a_mail_that_does_not_go_out_at_once_is_sent_again,
];

const NEW: &str = "a-brand-new-password";

pub async fn start(db: Backend) -> (Server, Smtp) {
    let smtp = Smtp::start();
    let url = smtp.url();
    (Server::with(db, move |config| config.mail.smtp_url = Some(url.into())).await, smtp)
}

async fn nobodys_mailbox_is_flooded(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    for _ in 0..server.config.identity.limits.failures_per_account_and_address {
        request_reset(&server, &user.email).await.expect(200);
    }
    assert_firebase_error(&request_reset(&server, &user.email).await, "TOO_MANY_ATTEMPTS_TRY_LATER");
    let verify = json!({ "requestType": "VERIFY_EMAIL", "idToken": user.id_token });
    assert_firebase_error(&call(&server, "sendOobCode", verify).await, "TOO_MANY_ATTEMPTS_TRY_LATER");
    sign_in(&server, &user.email, &user.password).await.expect(200);
    server.clock.advance(server.config.identity.limits.window);
    request_reset(&server, &user.email).await.expect(200);
    smtp.mail(11).await;
}

async fn request_reset(server: &Api, email: &str) -> Answer {
    call(server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": email })).await
}

async fn request_verification(server: &Api, user: &User) -> Answer {
    call(server, "sendOobCode", json!({ "requestType": "VERIFY_EMAIL", "idToken": user.id_token })).await
}

/// The code in a mail's link.
pub fn code_of(mail: &str) -> String {
    let (_, rest) = mail.split_once("oobCode=").unwrap_or_else(|| panic!("no link in {mail}"));
    let code: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    secrets::register(&code);
    code
}

async fn reset(server: &Api, code: &str, password: &str) -> Answer {
    call(server, "resetPassword", json!({ "oobCode": code, "newPassword": password })).await
}

async fn a_mailed_code_sets_a_new_password_once_and_signs_out_everywhere(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let answer = request_reset(&server, &user.email.to_uppercase()).await.expect(200);
    assert_eq!(answer.body, json!({ "kind": "identitytoolkit#GetOobConfirmationCodeResponse", "email": user.email }));
    let mail = smtp.mail(1).await;
    assert!(
        mail.contains(&format!("To: {}", user.email)) && mail.contains("From: Keyward <keyward@localhost>"),
        "{mail}"
    );
    assert!(mail.contains("http://localhost:8080/__/auth/action?mode=resetPassword&oobCode="), "{mail}");
    let code = code_of(&mail);
    let checked = call(&server, "resetPassword", json!({ "oobCode": code })).await.expect(200);
    let expected = json!({ "kind": "identitytoolkit#ResetPasswordResponse", "email": user.email, "requestType": "PASSWORD_RESET" });
    assert_eq!(checked.body, expected);
    let before = dump(&server.database);
    assert_firebase_error(
        &reset(&server, &code, "12345").await,
        "WEAK_PASSWORD : Password should be at least 8 characters",
    );
    assert_unchanged(&before, &server.database);
    assert_eq!(reset(&server, &code, NEW).await.expect(200).body, expected);
    assert_firebase_error(&reset(&server, &code, "yet-another-password").await, "INVALID_OOB_CODE");
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*user.refresh_token)];
    let refreshed = server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await;
    assert_firebase_error(&refreshed, "TOKEN_EXPIRED");
    assert_firebase_error(&sign_in(&server, &user.email, &user.password).await, "INVALID_LOGIN_CREDENTIALS");
    let again = sign_in(&server, &user.email, NEW).await.expect(200);
    assert_eq!(claims_of(&again.text_at("/idToken"))["email_verified"], true, "the code proves the address");
}

async fn a_mailed_code_confirms_an_address(db: Backend) {
    let (server, smtp) = start(db).await;
    let mut user = User::sign_up(&server).await;
    assert_eq!(request_verification(&server, &user).await.expect(200)["email"], user.email.as_str());
    let mail = smtp.mail(1).await;
    assert!(mail.contains("mode=verifyEmail"), "{mail}");
    let code = code_of(&mail);
    let own = json!({ "oobCode": code, "idToken": user.id_token });
    let answer = call(&server, "update", own).await.expect(200);
    assert_eq!((&answer["emailVerified"], &answer["idToken"]), (&json!(true), &json!(null)));
    assert_firebase_error(&call(&server, "update", json!({ "oobCode": code })).await, "INVALID_OOB_CODE");
    user.refresh(&server).await;
    assert_eq!(claims_of(&user.id_token)["email_verified"], true);
}

async fn an_unknown_address_gets_the_same_answer_and_no_mail(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let unknown = request_reset(&server, "nobody@example.com").await.expect(200);
    let known = request_reset(&server, &user.email).await.expect(200);
    assert_eq!(known.text.replace(&user.email, ""), unknown.text.replace("nobody@example.com", ""));
    smtp.mail(1).await;
    assert_eq!(smtp.count(), 1);
}

async fn a_newer_code_replaces_an_older_one(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    request_reset(&server, &user.email).await.expect(200);
    let old = code_of(&smtp.mail(1).await);
    request_reset(&server, &user.email).await.expect(200);
    let new = code_of(&smtp.mail(2).await);
    assert_firebase_error(&reset(&server, &old, NEW).await, "INVALID_OOB_CODE");
    // A link for the old password does not undo a new one.
    call(&server, "update", json!({ "idToken": user.id_token, "password": NEW })).await.expect(200);
    assert_firebase_error(&reset(&server, &new, "yet-another-password").await, "INVALID_OOB_CODE");
}

async fn a_code_expires(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    request_reset(&server, &user.email).await.expect(200);
    let for_reset = code_of(&smtp.mail(1).await);
    request_verification(&server, &user).await.expect(200);
    let for_verification = code_of(&smtp.mail(2).await);
    server.clock.advance(Duration::from_secs(3595));
    call(&server, "resetPassword", json!({ "oobCode": for_reset })).await.expect(200);
    server.clock.advance(Duration::from_secs(6));
    let before = dump(&server.database);
    assert_firebase_error(&reset(&server, &for_reset, NEW).await, "EXPIRED_OOB_CODE");
    call(&server, "resetPassword", json!({ "oobCode": for_verification })).await.expect(200);
    server.clock.advance(Duration::from_secs(23 * 3600));
    assert_firebase_error(&call(&server, "update", json!({ "oobCode": for_verification })).await, "EXPIRED_OOB_CODE");
    assert_unchanged(&before, &server.database);
}

async fn a_code_is_good_for_nothing_else(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    request_reset(&server, &user.email).await.expect(200);
    let for_reset = code_of(&smtp.mail(1).await);
    request_verification(&server, &user).await.expect(200);
    let for_verification = code_of(&smtp.mail(2).await);
    let before = dump(&server.database);
    assert_firebase_error(&reset(&server, &for_verification, NEW).await, "INVALID_OOB_CODE");
    assert_firebase_error(&call(&server, "update", json!({ "oobCode": for_reset })).await, "INVALID_OOB_CODE");
    for body in [json!({}), json!({ "oobCode": "" })] {
        assert_firebase_error(&call(&server, "resetPassword", body).await, "MISSING_OOB_CODE");
    }
    assert_firebase_error(&reset(&server, "nobodys-code-at-all", NEW).await, "INVALID_OOB_CODE");
    assert_unchanged(&before, &server.database);
    server.database.execute("UPDATE accounts SET disabled_at = created_at");
    assert_firebase_error(&reset(&server, &for_reset, NEW).await, "USER_DISABLED");
}

async fn of_two_uses_of_a_code_at_once_one_wins(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    request_reset(&server, &user.email).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    let uses = ["first-password", "second-password", "third-password"].map(|password| reset(&server, &code, password));
    let answers = futures_util::future::join_all(uses).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    lost.iter().for_each(|answer| assert_firebase_error(answer, "INVALID_OOB_CODE"));
}

async fn a_code_is_stored_hashed(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    request_reset(&server, &user.email).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    assert_eq!(code.len(), 43, "256 bits");
    let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
    let stored = format!("{:?}", dump(&server.database)).to_lowercase();
    assert!(!stored.contains(&code.to_lowercase()) && !stored.contains(&hex));
}

async fn each_refusal_of_a_mail_has_firebases_code(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    for (body, message) in [
        (json!({}), "MISSING_REQ_TYPE"),
        (json!({ "requestType": "" }), "MISSING_REQ_TYPE"),
        (json!({ "requestType": "PASSWORD_RESET" }), "MISSING_EMAIL"),
        (json!({ "requestType": "PASSWORD_RESET", "email": "ada" }), "INVALID_EMAIL"),
        (json!({ "requestType": "VERIFY_EMAIL" }), "MISSING_ID_TOKEN"),
        (json!({ "requestType": "VERIFY_EMAIL", "idToken": "a.b.c" }), "INVALID_ID_TOKEN"),
        (json!({ "requestType": "EMAIL_SIGNIN", "email": user.email }), "OPERATION_NOT_ALLOWED"),
        (json!({ "requestType": 5 }), "INVALID_JSON"),
    ] {
        assert_firebase_error(&call(&server, "sendOobCode", body).await, message);
    }
    server.database.execute("UPDATE accounts SET disabled_at = created_at");
    assert_firebase_error(&request_verification(&server, &user).await, "USER_DISABLED");
    request_reset(&server, &user.email).await.expect(200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(smtp.count(), 0, "a disabled account gets no mail");
}

async fn without_a_mail_server_no_mail_is_promised(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    let message = "OPERATION_NOT_ALLOWED : This server sends no mail.";
    assert_firebase_error(&request_reset(&server, &user.email).await, message);
    assert_firebase_error(&request_reset(&server, "nobody@example.com").await, message);
    assert_firebase_error(&request_verification(&server, &user).await, message);
    assert_unchanged(&before, &server.database);
}

async fn a_mail_that_does_not_go_out_at_once_is_sent_again(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    smtp.refuse(1);
    request_reset(&server, &user.email).await.expect(200);
    reset(&server, &code_of(&smtp.mail(1).await), NEW).await.expect(200);
}
