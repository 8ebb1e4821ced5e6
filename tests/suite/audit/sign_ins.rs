//! Failed sign-ins reach the organizations of the account, and a flood of them does not flood the trail.

use super::{told, trail};
use crate::invitations::mails::{sign_in, start};
use crate::support::http::Api;
use crate::support::process;
use crate::support::smtp::code_in;
use crate::support::tenant::{User, verify_email};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

tests![
    a_wrong_password_is_told_to_each_organization_of_the_account,
    attempts_beyond_the_limit_are_not_told,
    a_sign_in_and_one_to_a_disabled_account_are_told_with_account_reason_and_address,
    a_sign_in_is_told_to_a_hundred_organizations_at_most,
    a_new_password_is_told_to_the_organizations_of_the_account,
];

const SIGNED_IN: &str = "user.signed_in";
const FAILED: &str = "user.sign_in_failed";

/// The failed sign-ins, as soon as there are so many: they are written after the answer.
async fn with_failures(server: &Server, tenant: &Tenant<'_>, count: usize) -> Vec<Value> {
    with_events(server, tenant, FAILED, count).await
}

/// Events of an action, as soon as there are so many.
pub async fn with_events(server: &Api, tenant: &Tenant<'_>, action: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let events = trail(&server.database, &tenant.organization_id);
        let failed: Vec<Value> = events.into_iter().filter(|event| event["action"] == action).collect();
        if failed.len() >= count {
            return failed;
        }
        assert!(Instant::now() < deadline, "{} of {count} sign-ins were told", failed.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_wrong_password_is_told_to_each_organization_of_the_account(db: Backend) {
    let server = Server::start(db).await;
    let (one, other, third) = (Tenant::new(&server).await, Tenant::new(&server).await, Tenant::new(&server).await);
    let mut person = User::sign_up(&server).await;
    verify_email(&server, &mut person).await;
    for tenant in [&one, &other] {
        let token = tenant.invite(&person.email, "member", &[]).await.text_at("/token");
        let accept = server.post("/v1/invitations/accept").bearer(&person.id_token);
        accept.json(json!({ "token": token })).send().await.expect(200);
    }
    sign_in(&server, "nobody@example.com", "not-the-password").await.expect(400);
    sign_in(&server, &person.email, &person.password).await.expect(200);
    let refused = sign_in(&server, &person.email.to_uppercase(), "not-the-password").await.expect(400);
    let expected = json!({
        "actor": { "kind": "anonymous", "id": null, "name": null, "email": null },
        "action": FAILED,
        "target": { "kind": "user", "id": person.user_id, "name": person.email },
        "workspaceId": null,
        "before": null,
        "after": { "reason": "wrong_password" },
    });
    for tenant in [&one, &other] {
        let failed = with_failures(&server, tenant, 1).await;
        assert_eq!(failed.iter().map(told).collect::<Vec<_>>(), std::slice::from_ref(&expected));
        assert_eq!(failed[0]["address"], "127.0.0.1");
        assert_eq!(failed[0]["requestId"].as_str(), refused.header("x-request-id"));
    }
    // Told in the same transaction, if at all.
    let events = trail(&server.database, &third.organization_id);
    assert!(events.iter().all(|event| event["action"] != FAILED), "no organization of the person's");
}

async fn attempts_beyond_the_limit_are_not_told(db: Backend) {
    let server = Server::with(db, |config| config.identity.limits.failures_per_account_and_address = 3).await;
    let tenant = Tenant::new(&server).await;
    for _ in 0..20 {
        sign_in(&server, &tenant.owner.email, "not-the-password").await.expect(400);
    }
    // Told in their order: when the one of another account is there, all before it are.
    let second = tenant.add_member("member", &[]).await;
    sign_in(&server, &second.email, "not-the-password").await.expect(400);
    let failed = with_failures(&server, &tenant, 4).await;
    let about: Vec<&str> = failed.iter().filter_map(|event| event["target"]["id"].as_str()).collect();
    let owner = tenant.owner.user_id.as_str();
    assert_eq!(about, [owner, owner, owner, second.user_id.as_str()]);
}

async fn a_sign_in_and_one_to_a_disabled_account_are_told_with_account_reason_and_address(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_member("member", &[]).await;
    let signed_in = sign_in(&server, &member.email, &member.password).await.expect(200);
    process::run(&server.database, &["user", "disable", &member.email]).await;
    let refused = sign_in(&server, &member.email, &member.password).await.expect(400);
    let about = json!({ "kind": "user", "id": member.user_id, "name": member.email });
    let anonymous = json!({ "kind": "anonymous", "id": null, "name": null, "email": null });
    let cases = [
        (SIGNED_IN, super::user(&member.user_id, &member.email), "success", signed_in),
        (FAILED, anonymous, "disabled", refused),
    ];
    for (action, actor, reason, answer) in cases {
        let events = with_events(&server, &tenant, action, 1).await;
        let expected = json!({
            "actor": actor, "action": action, "target": about, "workspaceId": null, "before": null,
            "after": { "reason": reason },
        });
        assert_eq!(events.iter().map(told).collect::<Vec<_>>(), [expected]);
        assert_eq!(events[0]["address"], "127.0.0.1");
        assert_eq!(events[0]["requestId"].as_str(), answer.header("x-request-id"));
    }
}

async fn a_sign_in_is_told_to_a_hundred_organizations_at_most(db: Backend) {
    let server = Server::start(db).await;
    let first = Tenant::new(&server).await;
    for number in 0..102 {
        let create = server.post("/v1/organizations").bearer(&first.owner.id_token);
        create.json(json!({ "name": format!("Number {number}") })).send().await.expect(201);
    }
    let second = Tenant::new(&server).await;
    sign_in(&server, &first.owner.email, "not-the-password").await.expect(400);
    // Told in their order: when the one of another account is there, all before it are.
    sign_in(&server, &second.owner.email, "not-the-password").await.expect(400);
    with_failures(&server, &second, 1).await;
    let about = format!(
        "SELECT organization_id AS text FROM audit_events WHERE action = '{FAILED}' AND target_id = '{}'",
        first.owner.user_id
    );
    let told = server.database.texts(&about);
    assert_eq!(told.len(), 100);
    assert!(!told.contains(&first.organization_id), "the newest ones");
}

async fn a_new_password_is_told_to_the_organizations_of_the_account(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let owner = &tenant.owner;
    let account = async |operation: &str, body: Value| {
        let path = format!("/identitytoolkit.googleapis.com/v1/accounts:{operation}");
        server.post(&path).json(body).send().await.expect(200)
    };
    account("update", json!({ "idToken": owner.id_token, "password": "tangerine-battery-1" })).await;
    account("sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": owner.email })).await;
    // The notice of the change is mailed, too, in any order.
    let mails = [smtp.mail(1).await, smtp.mail(2).await];
    let code = mails.iter().find_map(|mail| code_in(mail, "oobCode=")).expect("a code");
    account("resetPassword", json!({ "oobCode": code, "newPassword": "tangerine-battery-2" })).await;
    let events = trail(&server.database, &tenant.organization_id);
    let expected = json!({
        "actor": { "kind": "user", "id": owner.user_id, "name": null, "email": owner.email },
        "action": "user.password_changed",
        "target": { "kind": "user", "id": owner.user_id, "name": owner.email },
        "workspaceId": null,
        "before": null,
        "after": null,
    });
    assert_eq!(events[events.len() - 2..].iter().map(told).collect::<Vec<_>>(), [expected.clone(), expected]);
}
