//! Where the pages of mailed links lead: no dead end, and no page of a stranger.

use super::mailed_codes::code_of;
use super::rest::{assert_firebase_error, call, sign_in};
use crate::invitations::mails::{PAGE as INVITATION, PASSWORD, join, open, token_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::smtp::Smtp;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::Config;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    done_pages_lead_to_the_sign_in,
    a_mail_leads_to_the_page_that_asked_for_it,
    a_strangers_page_is_neither_mailed_nor_linked,
    a_forgotten_password_is_mailed_from_the_page,
    the_page_for_a_forgotten_password_tells_nothing_and_is_bounded,
    links_that_are_not_good_say_how_to_get_a_new_one,
    without_mail_nothing_is_promised,
];

const SIGN_IN: &str = "https://app.example.com/sign-in";
const ADMIN: &str = "https://admin.example.com";
const ACTION: &str = "/__/auth/action";
const RESET: &str = "/__/auth/reset";

async fn start(db: Backend) -> (Server, Smtp) {
    let smtp = Smtp::start();
    let url = smtp.url();
    let settings = move |config: &mut Config| {
        config.mail.smtp_url = Some(url.into());
        config.identity.sign_in_url = Some(SIGN_IN.into());
        config.server.cors_origins = vec![ADMIN.into()];
    };
    (Server::with(db, settings).await, smtp)
}

/// Text and address of each link of a page.
fn links(page: &Answer) -> Vec<(String, String)> {
    let links = page.text.split("<a href=\"").skip(1);
    let links = links.filter_map(|link| link.split_once("</a>")?.0.split_once("\">"));
    links.map(|(url, text)| (text.to_owned(), url.replace("&#38;", "&"))).collect()
}

#[track_caller]
fn assert_links(page: &Answer, expected: &[(&str, &str)]) {
    let found = links(page);
    let found: Vec<(&str, &str)> = found.iter().map(|(text, url)| (text.as_str(), url.as_str())).collect();
    assert_eq!(found, expected, "{}", page.text);
    assert_eq!(page.text.matches("href=").count(), expected.len(), "{}", page.text);
}

async fn ask(server: &Server, email: &str, continue_url: Option<&str>) -> Answer {
    let body = json!({ "requestType": "PASSWORD_RESET", "email": email, "continueUrl": continue_url });
    call(server, "sendOobCode", body).await
}

async fn act(server: &Server, fields: &[(&str, &str)]) -> Answer {
    server.post(ACTION).form(fields).send().await
}

async fn done_pages_lead_to_the_sign_in(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    ask(&server, &user.email, None).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    let form = [("oobCode", &*code), ("newPassword", "a-brand-new-password")];
    let sign_in = [("Go to the sign-in", SIGN_IN)];
    assert_links(&act(&server, &form).await.expect(200), &sign_in);

    let tenant = Tenant::verified(&server).await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail_to("grace@example.com").await);
    assert_links(&open(&server, &token).await.expect(200), &[]);
    assert_links(&join(&server, &token, PASSWORD).await.expect(200), &sign_in);
}

async fn a_mail_leads_to_the_page_that_asked_for_it(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let page = format!("{ADMIN}/welcome?step=1&name=é#top");
    let normal = format!("{ADMIN}/welcome?step=1&name=%C3%A9#top");
    ask(&server, &user.email, Some(&page)).await.expect(200);
    let mail = smtp.mail(1).await;
    let (_, encoded) = mail.split_once("&continueUrl=").expect("the page is in the link");
    let encoded = encoded.split_whitespace().next().expect("a link");
    let code = code_of(&mail);
    let opened = server.get(&format!("{ACTION}?mode=resetPassword&oobCode={code}&continueUrl={encoded}")).send().await;
    let hidden = format!("name=continueUrl value=\"{}\"", normal.replace('&', "&#38;"));
    assert!(opened.expect(200).text.contains(&hidden));
    let weak = [("oobCode", &*code), ("newPassword", "12345"), ("continueUrl", &normal)];
    assert!(act(&server, &weak).await.expect(400).text.contains(&hidden), "a second try keeps it");
    let form = [("oobCode", &*code), ("newPassword", "a-brand-new-password"), ("continueUrl", &normal)];
    assert_links(&act(&server, &form).await.expect(200), &[("Go to the sign-in", &normal)]);
}

async fn a_strangers_page_is_neither_mailed_nor_linked(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    for stranger in [
        "https://evil.example/",
        "https://admin.example.com.evil.example/",
        "https://admin.example.com@evil.example/",
        "http://admin.example.com/",
        "javascript:alert(1)",
        "//evil.example",
        "/path",
    ] {
        let refused = ask(&server, &user.email, Some(stranger)).await;
        assert_firebase_error(
            &refused,
            "UNAUTHORIZED_DOMAIN : The origin of continueUrl is none of this server's pages.",
        );
    }
    assert_unchanged(&before, &server.database);
    assert_eq!(smtp.count(), 0);
    ask(&server, &user.email, None).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    let crafted = format!("{ACTION}?oobCode={code}&continueUrl=https://evil.example/");
    let page = server.get(&crafted).send().await.expect(200);
    assert!(!page.text.contains("evil"), "{}", page.text);
    let form = [("oobCode", &*code), ("newPassword", "a-brand-new-password"), ("continueUrl", "https://evil.example/")];
    assert_links(&act(&server, &form).await.expect(200), &[("Go to the sign-in", SIGN_IN)]);
    let reset = server.get(&format!("{RESET}?continueUrl=https://evil.example/")).send().await.expect(200);
    assert_links(&reset, &[("Go to the sign-in", SIGN_IN)]);
    assert!(!reset.text.contains("evil"), "{}", reset.text);
}

async fn a_forgotten_password_is_mailed_from_the_page(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let forgotten = [("Forgotten your password?", RESET)];
    assert_links(&open(&server, &token).await.expect(200), &forgotten);
    assert_links(&join(&server, &token, "not-the-password").await.expect(400), &forgotten);

    let page = server.get(RESET).send().await.expect(200);
    assert!(page.text.contains("name=email type=email"), "{}", page.text);
    let sent = server.post(RESET).form(&[("email", " Grace@Example.com "), ("continueUrl", ADMIN)]).send().await;
    assert!(sent.expect(200).text.contains("a mail with a link is on its way"));
    let mail = smtp.mail(2).await;
    assert!(mail.contains("To: grace@example.com") && mail.contains("&continueUrl=https%3A%2F%2Fadmin.example.com%2F"));
    let code = code_of(&mail);
    act(&server, &[("oobCode", &*code), ("newPassword", "a-brand-new-password")]).await.expect(200);
    sign_in(&server, &user.email, "a-brand-new-password").await.expect(200);
    join(&server, &token, "a-brand-new-password").await.expect(200);
}

async fn the_page_for_a_forgotten_password_tells_nothing_and_is_bounded(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    let post = async |email: &str| server.post(RESET).form(&[("email", email)]).send().await;
    let unknown = post("nobody@example.com").await.expect(200);
    assert_unchanged(&before, &server.database);
    let known = post(&user.email).await.expect(200);
    assert_eq!(known.text, unknown.text, "the page does not tell whether there is an account");
    smtp.mail(1).await;
    for bad in ["", "nonsense", "a@b", "<script>@example.com"] {
        let page = post(bad).await.expect(400);
        assert!(page.text.contains("This is no e-mail address") && !page.text.contains("<script"), "{}", page.text);
    }
    assert!(server.post(RESET).form(&[]).send().await.expect(400).text.contains("Type your e-mail address"));
    for _ in 1..server.config.identity.limits.failures_per_account_and_address {
        post(&user.email).await.expect(200);
    }
    assert!(post(&user.email).await.expect(400).text.contains("Too many mails"));
}

async fn links_that_are_not_good_say_how_to_get_a_new_one(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    ask(&server, &user.email, None).await.expect(200);
    let verify = json!({ "requestType": "VERIFY_EMAIL", "idToken": user.id_token });
    call(&server, "sendOobCode", verify).await.expect(200);
    let (mut reset, mut confirm) = (code_of(&smtp.mail(1).await), code_of(&smtp.mail(2).await));
    if !smtp.mail(1).await.contains("mode=resetPassword") {
        std::mem::swap(&mut reset, &mut confirm);
    }
    server.clock.advance(Duration::from_secs(24 * 3600));
    let open = async |mode: &str, code: &str| {
        server.get(&format!("{ACTION}?mode={mode}&oobCode={code}")).send().await.expect(400)
    };
    let new_link = [("Get a new link for a new password", RESET)];
    let sign_in = [("Go to the sign-in", SIGN_IN)];
    for code in [&*reset, "nobodys-code"] {
        let page = open("resetPassword", code).await;
        assert_links(&page, &new_link);
        assert!(page.text.contains("Ask for a new one"), "{}", page.text);
        let form = [("oobCode", code), ("newPassword", "a-brand-new-password"), ("mode", "resetPassword")];
        assert_links(&act(&server, &form).await.expect(400), &new_link);
    }
    for code in [&*confirm, "nobodys-code"] {
        let page = open("verifyEmail", code).await;
        assert_links(&page, &sign_in);
        assert!(page.text.contains("ask for a new mail"), "{}", page.text);
        assert_links(&act(&server, &[("oobCode", code), ("mode", "verifyEmail")]).await.expect(400), &sign_in);
    }
    let invitation = server.get(INVITATION).send().await.expect(400);
    assert!(invitation.text.contains("Ask the person who invited you for a new one"), "{}", invitation.text);
}

async fn without_mail_nothing_is_promised(db: Backend) {
    let server = Server::start(db).await;
    let before = dump(&server.database);
    let answers = [server.get(RESET), server.post(RESET).form(&[("email", "ada@example.com")])];
    for request in answers {
        let page = request.send().await.expect(400);
        assert!(page.text.contains("This server sends no mail"), "{}", page.text);
    }
    assert_links(&server.get(ACTION).send().await.expect(400), &[]);
    assert_unchanged(&before, &server.database);
    let document: Value = server.get("/openapi.json").send().await.expect(200).body;
    assert!(document["paths"][RESET]["post"].is_object());
}
