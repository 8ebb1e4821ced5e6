//! E-mail addresses: one parser, which is the mailer's, and one normal form for accounts, invitations, claims and limits.

use crate::identity::forge::{FIRST, changed};
use crate::identity::key_server::Issuer;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::smtp::Smtp;
use crate::support::tenant::{User, verify_email};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    what_the_mailer_would_read_otherwise_is_refused_everywhere_and_changes_nothing,
    every_spelling_of_an_address_is_one_account,
    a_letter_that_only_looks_like_ascii_is_refused,
    an_invitation_in_one_spelling_is_for_the_person_of_the_other,
    limits_count_all_spellings_of_an_address_together,
];

const PASSWORD: &str = "correct-horse-battery";

async fn call(server: &Api, operation: &str, body: Value) -> Answer {
    server.post(&format!("/identitytoolkit.googleapis.com/v1/accounts:{operation}?key=any")).json(body).send().await
}

async fn sign_up(server: &Api, email: &str) -> Answer {
    call(server, "signUp", json!({ "email": email, "password": PASSWORD, "returnSecureToken": true })).await
}

async fn sign_in(server: &Api, email: &str, password: &str) -> Answer {
    call(server, "signInWithPassword", json!({ "email": email, "password": password, "returnSecureToken": true })).await
}

#[track_caller]
fn assert_refused(answer: &Answer, code: &str, what: &str) {
    assert_eq!((answer.status, &answer["error"]["message"]), (400, &json!(code)), "{what}: {}", answer.text);
}

async fn invite(tenant: &Tenant<'_>, server: &Api, email: &str) -> Answer {
    let request = server.post(&tenant.organization_path("/invitations")).bearer(&tenant.owner.id_token);
    request.json(json!({ "email": email, "role": "member" })).send().await
}

async fn refused_everywhere(server: &Server, smtp: &Smtp, addresses: &[&str]) {
    let tenant = Tenant::new(server).await;
    let before = dump(&server.database);
    for email in addresses {
        assert_refused(&sign_up(server, email).await, "INVALID_EMAIL", email);
        let reset = call(server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": email })).await;
        assert_refused(&reset, "INVALID_EMAIL", email);
        let refused = invite(&tenant, server, email).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "email", "{email}");
        // No account has it, whatever its form.
        assert_eq!(sign_in(server, email, PASSWORD).await.status, 400, "{email}");
        process::fail(&server.database, &["user", "disable", email]).await;
    }
    assert_unchanged(&before, &server.database);
    assert_eq!(smtp.count(), 0);
}

async fn mailing(db: Backend) -> (Server, Smtp) {
    let smtp = Smtp::start();
    let server = Server::with(db, |config| config.mail.smtp_url = Some(smtp.url().into())).await;
    (server, smtp)
}

async fn what_the_mailer_would_read_otherwise_is_refused_everywhere_and_changes_nothing(db: Backend) {
    let (server, smtp) = mailing(db).await;
    User::sign_up_as(&server, "victim@example.com").await;
    let addresses = [
        "nN<victim@example.com>",
        "<victim@example.com>",
        "\"victim\"@example.com",
        "a..b@example.com",
        "ada@example.com,victim@example.com",
        "ada@[192.0.2.1]",
    ];
    refused_everywhere(&server, &smtp, &addresses).await;
}

async fn a_letter_that_only_looks_like_ascii_is_refused(db: Backend) {
    let (server, smtp) = mailing(db).await;
    User::sign_up_as(&server, "kate@kelly.example").await;
    let addresses = [
        "\u{212a}ate@kelly.example",
        "kate@\u{212a}elly.example",
        "kate@\u{ff4b}elly.example",
        "ka\u{200b}te@kelly.example",
        "kate@kel\u{ad}ly.example",
    ];
    refused_everywhere(&server, &smtp, &addresses).await;
}

async fn every_spelling_of_an_address_is_one_account(db: Backend) {
    let server = Server::start(db).await;
    let made = sign_up(&server, "\u{c9}va@B\u{fc}cher.Example").await.expect(200);
    let normal = "\u{c9}va@xn--bcher-kva.example";
    assert_eq!(made["email"], normal);
    let me = server.get("/v1/me").bearer(&made.text_at("/idToken")).send().await.expect(200);
    assert_eq!(me["user"]["email"], normal);
    let before = dump(&server.database);
    let spellings = [
        "E\u{301}VA@BU\u{308}CHER.EXAMPLE",
        "\u{c9}va@XN--BCHER-KVA.example",
        "\u{c9}VA@b\u{fc}cher.example",
        "E\u{301}va@xn--bcher-kva.EXAMPLE",
    ];
    for spelling in spellings {
        assert_refused(&sign_up(&server, spelling).await, "EMAIL_EXISTS", spelling);
    }
    assert_unchanged(&before, &server.database);
    for spelling in spellings {
        assert_eq!(sign_in(&server, spelling, PASSWORD).await.expect(200)["localId"], made["localId"], "{spelling}");
    }
    process::run(&server.database, &["user", "disable", spellings[0]]).await;
    assert_refused(&sign_in(&server, spellings[1], PASSWORD).await, "USER_DISABLED", spellings[1]);
}

async fn an_invitation_in_one_spelling_is_for_the_person_of_the_other(db: Backend) {
    let issuer = Issuer::start(db).await;
    let tenant = Tenant::new(&issuer.server).await;
    let mut user = User::sign_up_as(&issuer.server, "ada@xn--bcher-kva.example").await;
    verify_email(&issuer.server, &mut user).await;
    let claims = changed(&issuer.claims("grace"), "email", json!("Grace@B\u{fc}cher.example"));
    for (invited, token) in
        [("Ada@b\u{fc}cher.example", user.id_token.clone()), ("grace@xn--bcher-kva.example", FIRST.sign(&claims))]
    {
        let invitation = tenant.invite(invited, "member", &[]).await.text_at("/token");
        let accept = issuer.server.post("/v1/invitations/accept").bearer(&token);
        accept.json(json!({ "token": invitation })).send().await.expect(200);
        // A member's address is not invited again, in no spelling.
        for again in [invited.to_owned(), invited.to_uppercase()] {
            invite(&tenant, &issuer.server, &again).await.expect_error(409, "conflict");
        }
    }
}

async fn limits_count_all_spellings_of_an_address_together(db: Backend) {
    let smtp = Smtp::start();
    let server = Server::with(db, |config| {
        config.mail.smtp_url = Some(smtp.url().into());
        config.mail.invitation_limits.per_address = 2;
        config.mail.invitation_limits.per_inviter_and_address = 2;
        config.identity.limits.failures_per_account_and_address = 3;
        config.identity.limits.window = Duration::from_secs(3600);
    })
    .await;
    let tenant = Tenant::verified(&server).await;
    let spellings = [
        "Ada@b\u{fc}cher.example",
        "ADA@B\u{dc}CHER.example",
        "ada@xn--bcher-kva.example",
        "ada@XN--BCHER-KVA.example",
    ];
    let mut mailed = Vec::new();
    for spelling in spellings {
        mailed.push(invite(&tenant, &server, spelling).await.expect(201)["mailed"] == true);
    }
    assert_eq!(mailed, [true, true, false, false]);
    for (count, spelling) in spellings.iter().enumerate() {
        let refused = sign_in(&server, spelling, "not-the-password").await;
        let code = if count < 3 { "INVALID_LOGIN_CREDENTIALS" } else { "TOO_MANY_ATTEMPTS_TRY_LATER" };
        assert_refused(&refused, code, spelling);
    }
}
