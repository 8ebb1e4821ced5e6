//! Invitations by mail: what the mailed link does, and for whom.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::smtp::{Smtp, code_in};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    the_mailed_token_verifies_a_signed_in_user,
    the_admins_token_does_not_verify_an_address,
    a_mailed_token_is_for_its_address_alone,
    an_invitation_to_an_address_with_an_account_looks_the_same_to_the_inviter,
    resending_replaces_the_mailed_token,
    an_expired_invitation_is_resent,
    only_an_owner_resends_the_invitation_of_an_owner,
    a_mailbox_can_not_be_flooded_by_resending,
    without_mail_nothing_is_resent_and_the_admins_token_works,
    a_mail_that_can_not_be_delivered_does_not_lose_the_invitation,
    the_link_leads_where_it_is_configured_to,
];

pub const PAGE: &str = "/__/auth/invitation";
pub const PASSWORD: &str = "tangerine-battery-8";

pub async fn start(db: Backend) -> (Server, Smtp) {
    let smtp = Smtp::start();
    let url = smtp.url();
    (Server::with(db, move |config| config.mail.smtp_url = Some(url.into())).await, smtp)
}

/// The token in a mail's link.
pub fn token_in(mail: &str) -> String {
    code_in(mail, "token=").unwrap_or_else(|| panic!("no link in {mail}"))
}

pub async fn open(server: &Server, token: &str) -> Answer {
    server.get(&format!("{PAGE}?token={token}")).send().await
}

pub async fn join(server: &Server, token: &str, password: &str) -> Answer {
    server.post(PAGE).form(&[("token", token), ("password", password)]).send().await
}

async fn accept(server: &Server, user: &User, token: &str) -> Answer {
    server.post("/v1/invitations/accept").bearer(&user.id_token).json(json!({ "token": token })).send().await
}

async fn resend(server: &Server, tenant: &Tenant<'_>, by: &User, invitation: &str) -> Answer {
    let path = tenant.organization_path(&format!("/invitations/{invitation}/resend"));
    server.post(&path).bearer(&by.id_token).send().await
}

pub async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any");
    request.json(json!({ "email": email, "password": password, "returnSecureToken": true })).send().await
}

pub async fn is_verified(server: &Server, id_token: &str) -> Value {
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:lookup?key=any");
    request.json(json!({ "idToken": id_token })).send().await.expect(200)["users"][0]["emailVerified"].clone()
}

#[track_caller]
pub fn assert_page(answer: Answer, status: u16, text: &str) {
    let answer = answer.expect(status);
    assert!(answer.text.contains(text), "{text} is not in {}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("set-cookie"), None);
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"));
    // The only links are to the page for a forgotten password: no other one is configured.
    let links = answer.text.split("href=").skip(1);
    links.for_each(|link| assert!(link.starts_with("\"/__/auth/reset\""), "{}", answer.text));
    for foreign in ["<script", "src=", "onclick"] {
        assert!(!answer.text.contains(foreign), "{foreign} in {}", answer.text);
    }
}

async fn the_mailed_token_verifies_a_signed_in_user(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    assert_eq!(is_verified(&server, &user.id_token).await, false);
    accept(&server, &user, &token).await.expect(200);
    assert_eq!(is_verified(&server, &user.id_token).await, true);
    accept(&server, &user, &token).await.expect(200);
}

async fn the_admins_token_does_not_verify_an_address(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let admins = tenant.invite("grace@example.com", "member", &[]).await.text_at("/token");
    let mailed = token_in(&smtp.mail(1).await);
    let user = User::sign_up_as(&server, "grace@example.com").await;
    let before = dump(&server.database);
    accept(&server, &user, &admins).await.expect_error(403, "insufficient_permission");
    assert_page(open(&server, &admins).await, 400, "This invitation is not valid");
    assert_page(join(&server, &admins, &user.password).await, 400, "This invitation is not valid");
    assert_unchanged(&before, &server.database);
    accept(&server, &user, &mailed).await.expect(200);
}

async fn a_mailed_token_is_for_its_address_alone(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    tenant.invite("grace@example.com", "owner", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let thief = User::sign_up_as(&server, "mallory@example.com").await;
    let before = dump(&server.database);
    accept(&server, &thief, &token).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
}

async fn an_invitation_to_an_address_with_an_account_looks_the_same_to_the_inviter(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let known = User::sign_up_as(&server, "grace@example.com").await;
    let mut seen = Vec::new();
    for (place, email) in [(1, &*known.email), (2, "alice@example.com")] {
        let mut made = tenant.invite(email, "member", &[]).await;
        let id = made.text_at("/id");
        let mut resent = resend(&server, &tenant, &tenant.owner, &id).await.expect(200);
        for answer in [&mut made, &mut resent] {
            for field in ["id", "email", "token", "expiresAt", "createdAt"] {
                if answer.body[field].is_string() {
                    answer.body[field] = json!("…");
                }
            }
        }
        let mail = smtp.mail(place * 2 - 1).await;
        let token = token_in(&mail);
        let (_, text) = mail.split_once("Hello").expect("a greeting");
        let text = text.replace(&token, "").replace(email, "");
        let (text, _) = text.split_once("until").expect("an end");
        seen.push((made.status, made.body, resent.body, text.to_owned()));
        smtp.mail(place * 2).await;
    }
    assert_eq!(seen[0], seen[1]);
}

async fn resending_replaces_the_mailed_token(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let invited = tenant.invite("grace@example.com", "member", &[(&tenant.workspace_id, "editor")]).await;
    let old = token_in(&smtp.mail(1).await);
    server.clock.advance(Duration::from_secs(60));
    let resent = resend(&server, &tenant, &tenant.owner, &invited.text_at("/id")).await.expect(200);
    for field in ["id", "email", "role", "workspaces", "createdAt"] {
        assert_eq!(resent[field], invited[field], "{field}");
    }
    assert!(resent["token"].is_null() && resent.text_at("/expiresAt") > invited.text_at("/expiresAt"));
    let new = token_in(&smtp.mail(2).await);
    let before = dump(&server.database);
    assert_page(open(&server, &old).await, 400, "replaced by a newer one");
    assert_page(join(&server, &old, PASSWORD).await, 400, "replaced by a newer one");
    assert_unchanged(&before, &server.database);
    assert_page(join(&server, &new, PASSWORD).await, 200, "You are a member of");
    let again = resend(&server, &tenant, &tenant.owner, &invited.text_at("/id")).await;
    again.expect_error(404, "not_found");
}

async fn an_expired_invitation_is_resent(db: Backend) {
    let (server, smtp) = start(db).await;
    let mut tenant = Tenant::verified(&server).await;
    let invited = tenant.invite("grace@example.com", "member", &[]).await;
    let old = token_in(&smtp.mail(1).await);
    server.clock.advance(Duration::from_secs(8 * 86_400));
    tenant.owner.refresh(&server).await;
    assert_page(open(&server, &old).await, 400, "too old");
    resend(&server, &tenant, &tenant.owner, &invited.text_at("/id")).await.expect(200);
    let new = token_in(&smtp.mail(2).await);
    assert_page(join(&server, &old, PASSWORD).await, 400, "This invitation is not valid");
    assert_page(join(&server, &new, PASSWORD).await, 200, "You are a member of");
}

async fn only_an_owner_resends_the_invitation_of_an_owner(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let invited = tenant.invite("grace@example.com", "owner", &[]).await.text_at("/id");
    smtp.mail(2).await;
    let before = dump(&server.database);
    resend(&server, &tenant, &admin, &invited).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    resend(&server, &tenant, &tenant.owner, &invited).await.expect(200);
}

async fn a_mailbox_can_not_be_flooded_by_resending(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let limits = server.config.mail.invitation_limits;
    let invited = tenant.invite("grace@example.com", "member", &[]).await.text_at("/id");
    for _ in 1..limits.per_inviter_and_address {
        resend(&server, &tenant, &tenant.owner, &invited).await.expect(200);
    }
    let before = dump(&server.database);
    let refused = resend(&server, &tenant, &tenant.owner, &invited).await.expect_error(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("720"), "an hour for five");
    assert_unchanged(&before, &server.database);
    // Inviting anew is no way around: the invitation is made, and nothing is mailed.
    let anew = tenant.invite("grace@example.com", "member", &[]).await;
    assert_eq!(anew["mailed"], false);
    assert_eq!(tenant.invite("alice@example.com", "member", &[]).await["mailed"], true);
    // Nor are many inviters.
    let mut others = 0;
    for _ in 0..limits.per_address {
        let other = Tenant::verified(&server).await;
        others += usize::from(other.invite("grace@example.com", "member", &[]).await["mailed"] == true);
    }
    assert_eq!(others, 15, "of twenty, five were sent before");
    server.clock.advance(Duration::from_secs(720));
    let fresh = anew.text_at("/id");
    resend(&server, &tenant, &tenant.owner, &fresh).await.expect(200);
    smtp.mail(22).await;
    assert_eq!(smtp.count(), 22);
}

async fn without_mail_nothing_is_resent_and_the_admins_token_works(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::verified(&server).await;
    let invited = tenant.invite("grace@example.com", "member", &[]).await;
    assert_eq!(invited["mailed"], false);
    let before = dump(&server.database);
    let refused = resend(&server, &tenant, &tenant.owner, &invited.text_at("/id")).await;
    assert!(refused.text.contains("This server sends no mail."), "{}", refused.text);
    refused.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
    let mut grace = User::sign_up_as(&server, "grace@example.com").await;
    crate::support::tenant::verify_email(&server, &mut grace).await;
    accept(&server, &grace, &invited.text_at("/token")).await.expect(200);
}

async fn a_mail_that_can_not_be_delivered_does_not_lose_the_invitation(db: Backend) {
    let server = Server::with(db, |config| config.mail.smtp_url = Some("smtp://127.0.0.1:9".into())).await;
    let tenant = Tenant::verified(&server).await;
    let token = tenant.invite("grace@example.com", "member", &[]).await.text_at("/token");
    let mut grace = User::sign_up_as(&server, "grace@example.com").await;
    crate::support::tenant::verify_email(&server, &mut grace).await;
    accept(&server, &grace, &token).await.expect(200);
}

async fn the_link_leads_where_it_is_configured_to(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let own = server.another(|config| config.mail.invitation_url = Some("https://admin.example.com/join".into())).await;
    let invitation = tenant.invite("grace@example.com", "member", &[]).await.text_at("/id");
    smtp.mail(1).await;
    resend(&own, &tenant, &tenant.owner, &invitation).await.expect(200);
    let mail = smtp.mail(2).await;
    assert!(mail.contains("https://admin.example.com/join?token=inv_"), "{mail}");
    assert_page(join(&server, &token_in(&mail), PASSWORD).await, 200, "You are a member of");
}
