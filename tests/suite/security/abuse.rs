//! What a person who signed up can't do to others: mail them by a false address or in words of the own choice, and fill
//! the server with writes, organizations and trials.

use crate::identity::rest::{assert_firebase_error, call};
use crate::invitations::mails::start;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::smtp::Smtp;
use crate::support::tenant::{User, service_token, verify_email};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    an_inviter_without_a_verified_address_mails_nobody,
    names_make_no_link_in_a_mail_and_no_subject,
    what_a_person_writes_is_limited,
    what_people_at_one_address_write_is_limited,
    the_own_accounts_changes_are_limited_too,
    the_organizations_of_a_person_in_a_day_are_limited,
    a_person_has_one_trial,
    of_many_organizations_at_once_one_has_the_trial,
    a_young_organization_mails_fewer_invitations,
];

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

async fn resend(server: &Api, tenant: &Tenant<'_>, invitation: &Answer) -> Answer {
    let path = tenant.organization_path(&format!("/invitations/{}/resend", invitation.text_at("/id")));
    server.post(&path).bearer(&tenant.owner.id_token).send().await
}

async fn create(server: &Api, by: &User, name: &str) -> Answer {
    server.post("/v1/organizations").bearer(&by.id_token).json(json!({ "name": name })).send().await
}

async fn subscription(server: &Api, by: &User, organization: &str) -> Value {
    let path = format!("/v1/organizations/{organization}/subscription");
    let shown = server.get(&path).bearer(&by.id_token).send().await.expect(200);
    json!([shown["status"], shown["plan"], shown["trialEndsAt"].is_string()])
}

/// Asserts that a request was refused by a limit, with the time to wait.
#[track_caller]
fn assert_limited(answer: Answer) {
    let refused = answer.expect_error(429, "rate_limited");
    let wait: Option<u32> = refused.header("retry-after").and_then(|wait| wait.parse().ok());
    assert!(wait.is_some_and(|wait| wait > 0), "{:?}", refused.header("retry-after"));
}

async fn an_inviter_without_a_verified_address_mails_nobody(db: Backend) {
    let (server, smtp) = start(db).await;
    let mut tenant = Tenant::new(&server).await;
    let invited = tenant.invite("grace@example.com", "member", &[]).await;
    assert_eq!(invited["mailed"], false);
    let before = dump(&server.database);
    let refused = resend(&server, &tenant, &invited).await;
    assert!(refused.text.contains("Confirm your own e-mail address first."), "{}", refused.text);
    refused.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    // The token works.
    let mut grace = User::sign_up_as(&server, "grace@example.com").await;
    verify_email(&server, &mut grace).await;
    let other = tenant.invite("alice@example.com", "member", &[]).await;
    let accept = server.post("/v1/invitations/accept").bearer(&grace.id_token);
    accept.json(json!({ "token": invited.text_at("/token") })).send().await.expect(200);
    // Nothing was mailed: this is the first.
    verify_email(&server, &mut tenant.owner).await;
    resend(&server, &tenant, &other).await.expect(200);
    let mail = smtp.mail(1).await;
    assert!(mail.contains("To: alice@example.com") && mail.contains(&tenant.owner.email), "{mail}");
    assert_eq!(tenant.invite("bob@example.com", "member", &[]).await["mailed"], true);
}

async fn names_make_no_link_in_a_mail_and_no_subject(db: Backend) {
    const URL: &str = "https://evil.example/pay";
    let (server, smtp) = start(db).await;
    let mut tenant = Tenant::verified(&server).await;
    call(&server, "update", json!({ "idToken": tenant.owner.id_token, "displayName": URL })).await.expect(200);
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({ "name": "\"Prize\" at www.evil.example" })).send().await.expect(200);
    tenant.workspace_id = tenant.add_workspace("mailto:mallory@evil.example").await;
    tenant.invite("grace@example.com", "member", &[]).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": URL })).await;
    let first = smtp.mail(1).await;
    let service = service_token(&server.database).await;
    let report = json!([{ "token": key.plaintext, "type": "keyward", "url": null, "source": "scanner" }]);
    server.post("/v1/keys/revoke-leaked").bearer(&service).json(report).send().await.expect(200);
    let second = smtp.mail(2).await;
    for (mail, subject, names) in [
        (
            first,
            "Invitation to join an organization",
            ["https[://]evil[.]example/pay", "Prize at www[.]evil[.]example"],
        ),
        (second, "Your API key was revoked", ["https[://]evil[.]example/pay", "mailto[:]mallory[@]evil[.]example"]),
    ] {
        assert!(mail.contains(&format!("Subject: {subject}\n")), "{mail}");
        assert!(!mail.contains("evil.example"), "{mail}");
        for name in names {
            assert!(mail.contains(&format!("\"{name}\"")), "{name} is not in {mail}");
        }
    }
}

async fn what_a_person_writes_is_limited(db: Backend) {
    let limit = |config: &mut keyward::base::config::Config| {
        (config.limits.person_writes, config.limits.window) = (5, HALF_AN_HOUR);
    };
    let server = Server::with(db, limit).await;
    let (person, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    for _ in 0..4 {
        create(&server, &person, "Acme").await.expect(201);
    }
    // Refused ones count.
    create(&server, &person, "").await.expect_error(422, "validation_failed");
    let before = dump(&server.database);
    assert_limited(create(&server, &person, "Acme").await);
    let organizations = server.get("/v1/organizations").bearer(&person.id_token).send().await.expect(200);
    let path = format!("/v1/organizations/{}", organizations.text_at("/data/0/id"));
    assert_limited(server.patch(&path).bearer(&person.id_token).json(json!({ "name": "Other" })).send().await);
    assert_limited(server.delete(&path).bearer(&person.id_token).send().await);
    server.get(&path).bearer(&person.id_token).send().await.expect(200);
    assert_unchanged(&before, &server.database);
    create(&server, &other, "Acme").await.expect(201);
    server.clock.advance(HALF_AN_HOUR);
    create(&server, &person, "Acme").await.expect(201);
}

async fn what_people_at_one_address_write_is_limited(db: Backend) {
    let limit = |config: &mut keyward::base::config::Config| {
        (config.limits.address_writes, config.limits.window) = (4, HALF_AN_HOUR);
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a block")];
    };
    let server = Server::with(db, limit).await;
    let from = async |person: &User, address: &str| {
        let request = server.post("/v1/organizations").bearer(&person.id_token).header("x-forwarded-for", address);
        request.json(json!({ "name": "Acme" })).send().await
    };
    let people = [User::sign_up(&server).await, User::sign_up(&server).await];
    for person in [&people[0], &people[1], &people[0], &people[1]] {
        from(person, "2001:db8:1:2::1").await.expect(201);
    }
    let before = dump(&server.database);
    for person in &people {
        assert_limited(from(person, "2001:db8:1:2:ffff::2").await);
    }
    assert_unchanged(&before, &server.database);
    from(&people[0], "2001:db8:1:3::1").await.expect(201);
}

async fn the_own_accounts_changes_are_limited_too(db: Backend) {
    let limit = |config: &mut keyward::base::config::Config| {
        (config.limits.person_writes, config.limits.window) = (3, HALF_AN_HOUR);
    };
    let server = Server::with(db, limit).await;
    let person = User::sign_up(&server).await;
    for name in ["Ada", "Bea", "Cleo"] {
        call(&server, "update", json!({ "idToken": person.id_token, "displayName": name })).await.expect(200);
    }
    let before = dump(&server.database);
    let refused = call(&server, "update", json!({ "idToken": person.id_token, "displayName": "Dora" })).await;
    assert_firebase_error(&refused, "TOO_MANY_ATTEMPTS_TRY_LATER");
    let refused = call(&server, "delete", json!({ "idToken": person.id_token })).await;
    assert_firebase_error(&refused, "TOO_MANY_ATTEMPTS_TRY_LATER");
    assert_unchanged(&before, &server.database);
    call(&server, "lookup", json!({ "idToken": person.id_token })).await.expect(200);
}

async fn the_organizations_of_a_person_in_a_day_are_limited(db: Backend) {
    let server = Server::with(db, |config| config.limits.organizations_per_day = 2).await;
    let (mut person, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    // A replay makes none.
    for status in [201, 200, 200] {
        let request = server.post("/v1/organizations").bearer(&person.id_token).header("idempotency-key", "first");
        request.json(json!({ "name": "Acme" })).send().await.expect(status);
    }
    create(&server, &person, "Second").await.expect(201);
    let before = dump(&server.database);
    assert_limited(create(&server, &person, "Third").await);
    assert_unchanged(&before, &server.database);
    create(&server, &other, "Other").await.expect(201);
    server.clock.advance(Duration::from_secs(86_400));
    person.refresh(&server).await;
    create(&server, &person, "Third").await.expect(201);
}

async fn a_person_has_one_trial(db: Backend) {
    let server = Server::with(db, |config| config.subscription.trials_per_person = 1).await;
    let mut tenant = Tenant::new(&server).await;
    assert_eq!(subscription(&server, &tenant.owner, &tenant.organization_id).await, json!(["trialing", "free", true]));
    let gone = server.delete(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    let status = gone.send().await.status;
    assert!((200..300).contains(&status), "{status}");
    tenant.organization_id = create(&server, &tenant.owner, "Again").await.expect(201).text_at("/id");
    assert_eq!(subscription(&server, &tenant.owner, &tenant.organization_id).await, json!(["expired", "free", false]));
    tenant.workspace_id = tenant.add_workspace("Production").await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
    whoami.expect_error(403, "subscription_inactive");
    let other = Tenant::new(&server).await;
    assert_eq!(subscription(&server, &other.owner, &other.organization_id).await, json!(["trialing", "free", true]));
}

async fn of_many_organizations_at_once_one_has_the_trial(db: Backend) {
    let server = Server::with(db, |config| config.subscription.trials_per_person = 1).await;
    let person = User::sign_up(&server).await;
    let made = futures_util::future::join_all((0..5).map(|_| create(&server, &person, "Acme"))).await;
    made.into_iter().for_each(|answer| drop(answer.expect(201)));
    let mut statuses = server.database.texts("SELECT status AS text FROM subscriptions");
    statuses.sort();
    assert_eq!(statuses, ["expired", "expired", "expired", "expired", "trialing"]);
}

async fn a_young_organization_mails_fewer_invitations(db: Backend) {
    let smtp = Smtp::start();
    let server = Server::with(db, |config| {
        config.mail.smtp_url = Some(smtp.url().into());
        let limits = &mut config.mail.invitation_limits;
        (limits.young_per_organization, limits.young_per_inviter) = (2, 3);
    });
    let server = server.await;
    let mut tenant = Tenant::verified(&server).await;
    let mailed = async |tenant: &Tenant<'_>, email: &str| tenant.invite(email, "member", &[]).await;
    for (email, expected) in [("a@example.com", true), ("b@example.com", true), ("c@example.com", false)] {
        assert_eq!(mailed(&tenant, email).await["mailed"], expected, "{email}");
    }
    let refused = mailed(&tenant, "d@example.com").await;
    let before = dump(&server.database);
    assert_limited(resend(&server, &tenant, &refused).await);
    assert_unchanged(&before, &server.database);
    // Another organization is no way around.
    let first = tenant.organization_id.clone();
    tenant.organization_id = create(&server, &tenant.owner, "Second").await.expect(201).text_at("/id");
    for (email, expected) in [("e@example.com", true), ("f@example.com", false)] {
        assert_eq!(mailed(&tenant, email).await["mailed"], expected, "{email}");
    }
    tenant.organization_id = first;
    server.clock.advance(Duration::from_secs(86_400));
    tenant.owner.refresh(&server).await;
    for email in ["g@example.com", "h@example.com", "i@example.com", "j@example.com"] {
        assert_eq!(mailed(&tenant, email).await["mailed"], true, "{email}");
    }
}
