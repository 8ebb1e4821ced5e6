//! Invitations by mail: what the mailed link does, and for whom.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::smtp::{Smtp, code_in};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    the_mailed_link_signs_a_new_user_up_verified_and_makes_it_a_member,
    the_mailed_link_signs_an_account_in_verifies_it_and_makes_it_a_member,
    the_mailed_token_verifies_a_signed_in_user,
    the_admins_token_does_not_verify_an_address,
    a_mailed_token_is_for_its_address_alone,
    an_invitation_to_an_address_with_an_account_looks_the_same_to_the_inviter,
    resending_replaces_the_mailed_token,
    an_expired_invitation_is_resent,
    only_an_owner_resends_the_invitation_of_an_owner,
    a_mailbox_can_not_be_flooded_by_resending,
    wrong_password_on_the_invitation_page_is_counted_and_keeps_the_invitation,
    a_weak_password_is_refused_and_the_invitation_stays_usable,
    opening_the_link_changes_nothing,
    used_expired_withdrawn_links_say_so_and_change_nothing,
    of_two_sign_ups_by_one_link_at_once_one_wins,
    without_mail_nothing_is_resent_and_the_admins_token_works,
    a_mail_that_can_not_be_delivered_does_not_lose_the_invitation,
    the_link_leads_where_it_is_configured_to,
    the_page_shows_names_as_text,
];

const PAGE: &str = "/__/auth/invitation";
const PASSWORD: &str = "tangerine-battery-8";

async fn start(db: Backend) -> (Server, Smtp) {
    let smtp = Smtp::start();
    let url = smtp.url();
    (Server::with(db, move |config| config.mail.smtp_url = Some(url.into())).await, smtp)
}

/// The token in a mail's link.
fn token_in(mail: &str) -> String {
    code_in(mail, "token=").unwrap_or_else(|| panic!("no link in {mail}"))
}

async fn open(server: &Server, token: &str) -> Answer {
    server.get(&format!("{PAGE}?token={token}")).send().await
}

async fn join(server: &Server, token: &str, password: &str) -> Answer {
    server.post(PAGE).form(&[("token", token), ("password", password)]).send().await
}

async fn accept(server: &Server, user: &User, token: &str) -> Answer {
    server.post("/v1/invitations/accept").bearer(&user.id_token).json(json!({ "token": token })).send().await
}

async fn resend(server: &Server, tenant: &Tenant<'_>, by: &User, invitation: &str) -> Answer {
    let path = tenant.organization_path(&format!("/invitations/{invitation}/resend"));
    server.post(&path).bearer(&by.id_token).send().await
}

async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any");
    request.json(json!({ "email": email, "password": password, "returnSecureToken": true })).send().await
}

async fn is_verified(server: &Server, id_token: &str) -> Value {
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:lookup?key=any");
    request.json(json!({ "idToken": id_token })).send().await.expect(200)["users"][0]["emailVerified"].clone()
}

async fn organizations(server: &Server, id_token: &str) -> Value {
    server.get("/v1/me").bearer(id_token).send().await.expect(200)["organizations"].clone()
}

#[track_caller]
fn assert_page(answer: Answer, status: u16, text: &str) {
    let answer = answer.expect(status);
    assert!(answer.text.contains(text), "{text} is not in {}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("set-cookie"), None);
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"));
    for foreign in ["<script", "src=", "href=", "onclick"] {
        assert!(!answer.text.contains(foreign), "{foreign} in {}", answer.text);
    }
}

async fn the_mailed_link_signs_a_new_user_up_verified_and_makes_it_a_member(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let invited = tenant.invite("Grace@Example.com", "admin", &[(&tenant.workspace_id, "viewer")]).await;
    assert_eq!(invited["mailed"], true);
    let mail = smtp.mail(1).await;
    for part in ["To: grace@example.com", "Subject: Invitation to join Acme", &tenant.owner.email, "UTC"] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    assert!(mail.contains(&format!("http://localhost:8080{PAGE}?token=inv_")), "{mail}");
    let token = token_in(&mail);
    assert_ne!(token, invited.text_at("/token"));
    assert!(!format!("{:?}", dump(&server.database)).contains(&token), "it is kept as a hash");
    assert_page(open(&server, &token).await, 200, "Sign up and join");
    let form = [("token", &*token), ("password", PASSWORD), ("name", " Grace Hopper "), ("username", "x")];
    assert_page(server.post(PAGE).form(&form).send().await, 200, "You are a member of <strong>Acme</strong> now");
    let session = sign_in(&server, "grace@example.com", PASSWORD).await.expect(200);
    assert_eq!(session["displayName"], "Grace Hopper");
    let id_token = session.text_at("/idToken");
    assert_eq!(is_verified(&server, &id_token).await, true);
    let expected = json!([{ "id": tenant.organization_id, "name": "Acme", "role": "admin" }]);
    assert_eq!(organizations(&server, &id_token).await, expected);
    server.get(&tenant.workspace_path("")).bearer(&id_token).send().await.expect(200);
    assert_page(join(&server, &token, PASSWORD).await, 400, "This invitation is not valid");
}

async fn the_mailed_link_signs_an_account_in_verifies_it_and_makes_it_a_member(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    assert_page(open(&server, &token).await, 200, "Sign in and join");
    assert_page(join(&server, &token, &user.password).await, 200, "You are a member of");
    assert_eq!(is_verified(&server, &user.id_token).await, true);
    assert_eq!(organizations(&server, &user.id_token).await[0]["role"], "member");
}

async fn the_mailed_token_verifies_a_signed_in_user(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    assert_eq!(is_verified(&server, &user.id_token).await, false);
    accept(&server, &user, &token).await.expect(200);
    assert_eq!(is_verified(&server, &user.id_token).await, true);
    accept(&server, &user, &token).await.expect_error(404, "not_found");
}

async fn the_admins_token_does_not_verify_an_address(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
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
    let tenant = Tenant::new(&server).await;
    tenant.invite("grace@example.com", "owner", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let thief = User::sign_up_as(&server, "mallory@example.com").await;
    let before = dump(&server.database);
    accept(&server, &thief, &token).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
}

async fn an_invitation_to_an_address_with_an_account_looks_the_same_to_the_inviter(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
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
    let tenant = Tenant::new(&server).await;
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
    let mut tenant = Tenant::new(&server).await;
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
    let tenant = Tenant::new(&server).await;
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
    let tenant = Tenant::new(&server).await;
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
        let other = Tenant::new(&server).await;
        others += usize::from(other.invite("grace@example.com", "member", &[]).await["mailed"] == true);
    }
    assert_eq!(others, 15, "of twenty, five were sent before");
    server.clock.advance(Duration::from_secs(720));
    let fresh = anew.text_at("/id");
    resend(&server, &tenant, &tenant.owner, &fresh).await.expect(200);
    smtp.mail(22).await;
    assert_eq!(smtp.count(), 22);
}

async fn wrong_password_on_the_invitation_page_is_counted_and_keeps_the_invitation(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let before = dump(&server.database);
    let most = server.config.identity.limits.failures_per_account_and_address;
    for _ in 0..most {
        assert_page(join(&server, &token, "not-the-password").await, 400, "This is not the account&#39;s password");
    }
    assert_page(join(&server, &token, &user.password).await, 400, "Too many attempts");
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(400);
    assert!(elsewhere.text.contains("TOO_MANY_ATTEMPTS_TRY_LATER"), "{}", elsewhere.text);
    assert_unchanged(&before, &server.database);
    server.clock.advance(server.config.identity.limits.window);
    assert_page(join(&server, &token, &user.password).await, 200, "You are a member of");
}

async fn a_weak_password_is_refused_and_the_invitation_stays_usable(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let before = dump(&server.database);
    assert_page(join(&server, &token, "12345").await, 400, "Password should be at least 6 characters.");
    assert_page(join(&server, &token, "password").await, 400, "Password is too easy to guess.");
    assert_page(join(&server, &token, "Grace@example.com").await, 400, "Password is too easy to guess.");
    let long = "x".repeat(101);
    let form = [("token", &*token), ("password", PASSWORD), ("name", &*long)];
    assert_page(server.post(PAGE).form(&form).send().await, 400, "The name must be 1 to 100 characters long");
    assert_unchanged(&before, &server.database);
    assert_page(join(&server, &token, PASSWORD).await, 200, "You are a member of");
}

async fn opening_the_link_changes_nothing(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let before = dump(&server.database);
    for _ in 0..3 {
        assert_page(open(&server, &token).await, 200, "<h1>Join Acme</h1><p>For <strong>grace@example.com</strong>");
    }
    server.request(reqwest::Method::HEAD, &format!("{PAGE}?token={token}")).try_send().await.expect("an answer");
    assert_unchanged(&before, &server.database);
}

async fn used_expired_withdrawn_links_say_so_and_change_nothing(db: Backend) {
    let (server, smtp) = start(db).await;
    let mut tenant = Tenant::new(&server).await;
    // An account, so that a page that told whether there is one would differ.
    let grace = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&grace.email, "member", &[]).await;
    let used = token_in(&smtp.mail(1).await);
    assert_page(join(&server, &used, &grace.password).await, 200, "You are a member of");
    let withdrawn = tenant.invite("alice@example.com", "member", &[]).await.text_at("/id");
    let path = tenant.organization_path(&format!("/invitations/{withdrawn}"));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
    let withdrawn = token_in(&smtp.mail(2).await);
    tenant.invite("bob@example.com", "member", &[]).await;
    let expired = token_in(&smtp.mail(3).await);
    server.clock.advance(Duration::from_secs(7 * 86_400));
    tenant.owner.refresh(&server).await;
    let before = dump(&server.database);
    let nonsense = open(&server, "inv_nonsense").await.text;
    for token in [&*used, &withdrawn, &expired, ""] {
        let page = open(&server, token).await;
        assert_eq!(page.text, nonsense, "one page for all");
        assert_page(page, 400, "This invitation is not valid. It may have been used, withdrawn");
        let page = join(&server, token, PASSWORD).await;
        assert_eq!(page.text, nonsense);
    }
    for request in [server.get(PAGE), server.post(PAGE).form(&[("password", PASSWORD)])] {
        assert_eq!(request.send().await.expect(400).text, nonsense);
    }
    assert_unchanged(&before, &server.database);
}

async fn of_two_sign_ups_by_one_link_at_once_one_wins(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let passwords = ["tangerine-battery-1", "tangerine-battery-2", "tangerine-battery-3"];
    let answers = futures_util::future::join_all(passwords.map(|password| join(&server, &token, password))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 2, "{statuses:?}");
    let members = server.get(&tenant.organization_path("/members")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(members.expect(200)["data"].as_array().map(Vec::len), Some(2));
}

async fn without_mail_nothing_is_resent_and_the_admins_token_works(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
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
    let tenant = Tenant::new(&server).await;
    let token = tenant.invite("grace@example.com", "member", &[]).await.text_at("/token");
    let mut grace = User::sign_up_as(&server, "grace@example.com").await;
    crate::support::tenant::verify_email(&server, &mut grace).await;
    accept(&server, &grace, &token).await.expect(200);
}

async fn the_link_leads_where_it_is_configured_to(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let own = server.another(|config| config.mail.invitation_url = Some("https://admin.example.com/join".into())).await;
    let invitation = tenant.invite("grace@example.com", "member", &[]).await.text_at("/id");
    smtp.mail(1).await;
    resend(&own, &tenant, &tenant.owner, &invitation).await.expect(200);
    let mail = smtp.mail(2).await;
    assert!(mail.contains("https://admin.example.com/join?token=inv_"), "{mail}");
    assert_page(join(&server, &token_in(&mail), PASSWORD).await, 200, "You are a member of");
}

async fn the_page_shows_names_as_text(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({ "name": "<b>O'Hara & \"Co\"</b>" })).send().await.expect(200);
    tenant.invite("o'hara&co@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let name = "&lt;b&gt;O&#39;Hara &amp; &quot;Co&quot;&lt;/b&gt;";
    assert_page(open(&server, &token).await, 200, &format!("<h1>Join {name}</h1>"));
    assert_page(open(&server, &token).await, 200, "o&#39;hara&amp;co@example.com");
    let bad_name = [("token", &*token), ("password", PASSWORD), ("name", "a\u{202e}b")];
    assert_page(server.post(PAGE).form(&bad_name).send().await, 400, "The name must not contain control characters");
    assert_page(join(&server, &token, PASSWORD).await, 200, &format!("<strong>{name}</strong>"));
}
