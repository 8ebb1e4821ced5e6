//! The page behind the link of a mailed invitation.

use super::mails::{PAGE, PASSWORD, assert_page, is_verified, join, open, sign_in, start, token_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    the_mailed_link_signs_a_new_user_up_verified_and_makes_it_a_member,
    the_mailed_link_signs_an_account_in_verifies_it_and_makes_it_a_member,
    wrong_password_on_the_invitation_page_is_counted_and_keeps_the_invitation,
    a_weak_password_is_refused_and_the_invitation_stays_usable,
    opening_the_link_changes_nothing,
    used_expired_withdrawn_links_say_so_and_change_nothing,
    of_two_sign_ups_by_one_link_at_once_one_wins,
    the_page_shows_names_as_text,
];

async fn organizations(server: &Server, id_token: &str) -> Value {
    server.get("/v1/me").bearer(id_token).send().await.expect(200)["organizations"].clone()
}

async fn the_mailed_link_signs_a_new_user_up_verified_and_makes_it_a_member(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let invited = tenant.invite("Grace@Example.com", "admin", &[(&tenant.workspace_id, "viewer")]).await;
    assert_eq!(invited["mailed"], true);
    let mail = smtp.mail(1).await;
    for part in ["To: grace@example.com", "Subject: Invitation to join an organization", &tenant.owner.email, "UTC"] {
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
    let tenant = Tenant::verified(&server).await;
    let mut user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    assert_page(open(&server, &token).await, 200, "Sign in and join");
    assert_page(join(&server, &token, &user.password).await, 200, "You are a member of");
    // The session began before the address was confirmed, and the page holds none.
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    user.sign_in(&server).await;
    assert_eq!(is_verified(&server, &user.id_token).await, true);
    assert_eq!(organizations(&server, &user.id_token).await[0]["role"], "member");
}

async fn wrong_password_on_the_invitation_page_is_counted_and_keeps_the_invitation(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
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
    let tenant = Tenant::verified(&server).await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let before = dump(&server.database);
    assert_page(join(&server, &token, "12345").await, 400, "Password should be at least 8 characters.");
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
    let tenant = Tenant::verified(&server).await;
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
    let mut tenant = Tenant::verified(&server).await;
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
    let tenant = Tenant::verified(&server).await;
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

async fn the_page_shows_names_as_text(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({ "name": "<b>O'Hara & \"Co\"</b>" })).send().await.expect(200);
    tenant.invite("o'hara&co@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let name = "&#60;b&#62;O&#39;Hara &#38; &#34;Co&#34;&#60;/b&#62;";
    assert_page(open(&server, &token).await, 200, &format!("<h1>Join {name}</h1>"));
    assert_page(open(&server, &token).await, 200, "o&#39;hara&#38;co@example.com");
    let bad_name = [("token", &*token), ("password", PASSWORD), ("name", "a\u{202e}b")];
    assert_page(server.post(PAGE).form(&bad_name).send().await, 400, "The name must not contain control characters");
    assert_page(join(&server, &token, PASSWORD).await, 200, &format!("<strong>{name}</strong>"));
}
