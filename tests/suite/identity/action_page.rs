//! The page behind mailed links.

use super::mailed_codes::{code_of, start};
use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::smtp::Smtp;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use keyward::base::config::Config;
use serde_json::json;

tests![
    a_person_sets_a_new_password,
    the_form_asks_for_the_configured_length,
    a_person_confirms_an_address,
    a_bad_link_says_so,
];

#[track_caller]
fn assert_page(answer: &Answer, text: &str) {
    assert!(answer.text.contains(text), "{text} is not in {}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"));
    // The only links are to the page for a forgotten password: no other one is configured.
    let links = answer.text.split("href=").skip(1);
    links.for_each(|link| assert!(link.starts_with("\"/__/auth/reset\""), "{}", answer.text));
    for foreign in ["<script", "src=", "onclick"] {
        assert!(!answer.text.contains(foreign), "{foreign} in {}", answer.text);
    }
}

async fn open(server: &Server, mode: &str, code: &str) -> Answer {
    server.get(&format!("/__/auth/action?mode={mode}&oobCode={code}")).send().await
}

async fn a_person_sets_a_new_password(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up_as(&server, "o'hara&co@example.com").await;
    call(&server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": user.email })).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    let before = dump(&server.database);
    let page = open(&server, "resetPassword", &code).await.expect(200);
    assert_page(&page, "name=\"newPassword\" type=password");
    assert!(page.text.contains("o&#39;hara&#38;co@example.com"), "{}", page.text);
    let weak = server.post("/__/auth/action").form(&[("oobCode", &*code), ("newPassword", "12345")]).send().await;
    assert_page(&weak.expect(400), "Password should be at least 8 characters");
    assert_unchanged(&before, &server.database);
    let form = [("username", &*user.email), ("oobCode", &*code), ("newPassword", "a-brand-new-password")];
    let done = server.post("/__/auth/action").form(&form).send().await.expect(200);
    assert_page(&done, "Your new password is set");
    sign_in(&server, &user.email, "a-brand-new-password").await.expect(200);
    assert_page(&server.post("/__/auth/action").form(&form).send().await.expect(400), "not valid");
}

async fn the_form_asks_for_the_configured_length(db: Backend) {
    let smtp = Smtp::start();
    let url = smtp.url();
    let settings = move |config: &mut Config| {
        config.mail.smtp_url = Some(url.into());
        config.identity.min_password_length = 12;
    };
    let server = Server::with(db, settings).await;
    let user = User::sign_up(&server).await;
    call(&server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": user.email })).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    assert_page(&open(&server, "resetPassword", &code).await.expect(200), "minlength=12 ");
    let form = [("oobCode", &*code), ("newPassword", "elevenchars")];
    let refused = server.post("/__/auth/action").form(&form).send().await.expect(400);
    assert_page(&refused, "Password should be at least 12 characters.");
    assert_page(&refused, "minlength=12 ");
}

async fn a_person_confirms_an_address(db: Backend) {
    let (server, smtp) = start(db).await;
    let mut user = User::sign_up(&server).await;
    let body = json!({ "requestType": "VERIFY_EMAIL", "idToken": user.id_token });
    call(&server, "sendOobCode", body).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    let before = dump(&server.database);
    assert_page(&open(&server, "verifyEmail", &code).await.expect(200), "<button>Confirm</button>");
    assert_unchanged(&before, &server.database);
    let done = server.post("/__/auth/action").form(&[("oobCode", &*code)]).send().await.expect(200);
    assert_page(&done, "it is confirmed");
    assert_firebase_error(&call(&server, "lookup", json!({ "idToken": user.id_token })).await, "TOKEN_EXPIRED");
    user.sign_in(&server).await;
    let looked_up = call(&server, "lookup", json!({ "idToken": user.id_token })).await.expect(200);
    assert_eq!(looked_up["users"][0]["emailVerified"], true);
}

async fn a_bad_link_says_so(db: Backend) {
    let (server, _) = start(db).await;
    assert_page(&open(&server, "resetPassword", "nobodys-code-at-all").await.expect(400), "not valid");
    assert_page(&server.get("/__/auth/action").send().await.expect(400), "not valid");
    assert_page(&server.post("/__/auth/action").form(&[("newPassword", "x")]).send().await.expect(400), "not valid");
}
