//! Invitations: the only way to become a member, and no way to learn who has an account.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::{User, verify_email};
use crate::support::{Backend, Server, Tenant, process, tests};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    an_invited_person_joins_with_the_roles_of_the_invitation,
    the_token_is_answered_once_and_kept_as_a_hash,
    an_invitation_answers_alike_for_an_address_with_and_without_an_account,
    another_persons_token_is_refused,
    an_unverified_address_is_refused_until_the_operator_verifies_it,
    a_token_is_good_once_and_again_only_for_the_same_member,
    a_second_invitation_of_an_address_withdraws_the_first,
    one_token_makes_one_member_however_often_it_is_sent,
    a_members_address_is_not_invited_again,
];

async fn accept(server: &Server, user: &User, token: &str) -> Answer {
    server.post("/v1/invitations/accept").bearer(&user.id_token).json(json!({"token": token})).send().await
}

async fn verified(server: &Server, email: &str) -> User {
    let mut user = User::sign_up_as(server, email).await;
    verify_email(server, &mut user).await;
    user
}

async fn an_invited_person_joins_with_the_roles_of_the_invitation(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let invited = tenant.invite("Grace@Example.com", "admin", &[(&tenant.workspace_id, "viewer")]).await;
    assert_eq!(invited["email"], "grace@example.com");
    assert_eq!(invited["workspaces"], json!([{"id": tenant.workspace_id, "role": "viewer"}]));
    let user = verified(&server, "grace@example.com").await;
    let joined = accept(&server, &user, &invited.text_at("/token")).await.expect(200);
    assert_eq!(joined.body, json!({"id": tenant.organization_id, "name": "Acme", "role": "admin"}));
    let list = server.get(&tenant.organization_path("/invitations")).bearer(&user.id_token).send().await.expect(200);
    assert_eq!(list["data"], json!([]));
}

async fn the_token_is_answered_once_and_kept_as_a_hash(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = tenant.invite("grace@example.com", "member", &[]).await.text_at("/token");
    let path = tenant.organization_path("/invitations");
    let list = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(list["data"][0]["id"].is_string() && !list.text.contains("token"), "{}", list.text);
    assert!(!dump(&server.database)["invitations"].contains(&token));
}

async fn an_invitation_answers_alike_for_an_address_with_and_without_an_account(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let known = verified(&server, "known@example.com").await;
    let shape = |answer: &Answer| -> Value {
        let mut body = answer.body.clone();
        for field in ["id", "token", "email", "expiresAt", "createdAt"] {
            assert!(body[field].is_string(), "{field} in {}", answer.text);
            body[field] = json!("…");
        }
        json!([answer.status, body, answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>().len()])
    };
    let with = tenant.invite(&known.email, "member", &[]).await;
    let without = tenant.invite("unknown@example.com", "member", &[]).await;
    assert_eq!(shape(&with), shape(&without));
}

async fn another_persons_token_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = tenant.invite("grace@example.com", "owner", &[]).await.text_at("/token");
    let thief = verified(&server, "mallory@example.com").await;
    let before = dump(&server.database);
    accept(&server, &thief, &token).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    let grace = verified(&server, "grace@example.com").await;
    accept(&server, &grace, &token).await.expect(200);
}

async fn an_unverified_address_is_refused_until_the_operator_verifies_it(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = tenant.invite("grace@example.com", "member", &[]).await.text_at("/token");
    let grace = User::sign_up_as(&server, "grace@example.com").await;
    let before = dump(&server.database);
    accept(&server, &grace, &token).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    process::run(&server.database, &["user", "verify-email", "Grace@example.com"]).await;
    accept(&server, &grace, &token).await.expect(200);
}

async fn a_token_is_good_once_and_again_only_for_the_same_member(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut grace = verified(&server, "grace@example.com").await;
    let invited = tenant.invite(&grace.email, "member", &[]).await;
    let path = tenant.organization_path(&format!("/invitations/{}", invited.text_at("/id")));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
    let withdrawn = accept(&server, &grace, &invited.text_at("/token")).await.expect_error(404, "not_found");
    assert!(withdrawn.text_at("/error/message").contains("withdrawn"), "{}", withdrawn.text);
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");

    let used = tenant.invite(&grace.email, "member", &[]).await.text_at("/token");
    let first = accept(&server, &grace, &used).await.expect(200);
    let before = dump(&server.database);
    assert_eq!(accept(&server, &grace, &used).await.expect(200).body, first.body, "the same person");
    let other = verified(&server, "other@example.com").await;
    let others = dump(&server.database);
    accept(&server, &other, &used).await.expect_error(404, "not_found");
    assert_unchanged(&others, &server.database);
    assert_eq!(before["organization_members"], dump(&server.database)["organization_members"]);
    let member = tenant.organization_path(&format!("/members/{}", grace.user_id));
    server.delete(&member).bearer(&tenant.owner.id_token).send().await.expect(200);
    accept(&server, &grace, &used).await.expect_error(404, "not_found");

    let expired = tenant.invite("late@example.com", "member", &[]).await.text_at("/token");
    server.clock.advance(Duration::from_secs(7 * 86_400));
    let late = verified(&server, "late@example.com").await;
    let late = accept(&server, &late, &expired).await.expect_error(404, "not_found");
    assert!(late.text_at("/error/message").contains("expired"), "{}", late.text);
    grace.refresh(&server).await;
    accept(&server, &grace, "inv_nonsense").await.expect_error(404, "not_found");
}

async fn a_second_invitation_of_an_address_withdraws_the_first(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let first = tenant.invite("grace@example.com", "admin", &[]).await.text_at("/token");
    let second = tenant.invite("GRACE@example.com", "member", &[]).await.text_at("/token");
    let grace = verified(&server, "grace@example.com").await;
    accept(&server, &grace, &first).await.expect_error(404, "not_found");
    assert_eq!(accept(&server, &grace, &second).await.expect(200)["role"], "member");
}

async fn one_token_makes_one_member_however_often_it_is_sent(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let token =
        tenant.invite("grace@example.com", "member", &[(&tenant.workspace_id, "editor")]).await.text_at("/token");
    let grace = verified(&server, "grace@example.com").await;
    let tries = (0..8).map(|place| accept(if place % 2 == 0 { &server } else { &node }, &grace, &token));
    let answers = join_all(tries).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200; 8]);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
    let trail = tenant.organization_path("/audit-events?action=invitation.accepted");
    let events = server.get(&trail).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "{}", events.text);
    let members = server.get(&tenant.organization_path("/members")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(members.expect(200)["data"].as_array().map(Vec::len), Some(2));
}

async fn a_members_address_is_not_invited_again(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = dump(&server.database);
    let invite = server.post(&tenant.organization_path("/invitations")).bearer(&tenant.owner.id_token);
    let invite = invite.json(json!({"email": tenant.owner.email, "role": "member"}));
    invite.send().await.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
}
