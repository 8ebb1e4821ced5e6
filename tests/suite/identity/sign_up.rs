//! `identity.sign_up`: who may become a user.

use super::forge::{FIRST, changed};
use super::key_server::Issuer;
use crate::invitations::mails::{PASSWORD, join, token_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::smtp::Smtp;
use crate::support::{Backend, Server, Tenant, process, tests};
use keyward::base::config::{IssuerSettings, SignUp};
use serde_json::json;
use std::time::Duration;

tests![
    invited_takes_only_addresses_with_a_pending_invitation,
    closed_takes_only_accounts_that_the_operator_makes,
    a_first_token_of_another_issuer_is_a_sign_up,
    known_people_of_another_issuer_stay,
];

async fn sign_up(server: &Api, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD, "returnSecureToken": true });
    server.post("/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any").json(body).send().await
}

#[track_caller]
fn assert_admin_only(answer: &Answer) {
    assert_eq!((answer.status, answer.text_at("/error/message").as_str()), (400, "ADMIN_ONLY_OPERATION"));
}

/// A node on the server's database with this setting.
async fn node(server: &Server, mode: SignUp) -> Server {
    server.another(|config| config.identity.sign_up = mode).await
}

async fn invited_takes_only_addresses_with_a_pending_invitation(db: Backend) {
    let open = Server::start(db).await;
    let acme = Tenant::new(&open).await;
    let invited = node(&open, SignUp::Invited).await;
    let id = acme.invite("Guest@example.com", "member", &[]).await.text_at("/id");
    acme.invite("late@example.com", "member", &[]).await;
    let before = dump(&open.database);
    assert_admin_only(&sign_up(&invited, "stranger@example.com").await);
    // Whether the address has an account makes no difference.
    assert_admin_only(&sign_up(&invited, &acme.owner.email).await);
    assert_unchanged(&before, &open.database);
    sign_up(&invited, "guest@EXAMPLE.com").await.expect(200);
    assert_eq!(sign_up(&invited, "guest@example.com").await.text_at("/error/message"), "EMAIL_EXISTS");
    // People who are there already go on.
    let body = json!({ "email": acme.owner.email, "password": acme.owner.password, "returnSecureToken": true });
    let sign_in = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any";
    invited.post(sign_in).json(body).send().await.expect(200);
    // A withdrawn invitation, and an expired one.
    acme.invite("gone@example.com", "member", &[]).await;
    let gone = acme.invite("gone@example.com", "member", &[]).await.text_at("/id");
    for id in [&id, &gone] {
        let path = acme.organization_path(&format!("/invitations/{id}"));
        open.delete(&path).bearer(&acme.owner.id_token).send().await.expect(204);
    }
    assert_admin_only(&sign_up(&invited, "gone@example.com").await);
    invited.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_admin_only(&sign_up(&invited, "late@example.com").await);
    // The operator makes whom it wants.
    process::run(&open.database, &["user", "create", "made@example.com"]).await;
}

async fn closed_takes_only_accounts_that_the_operator_makes(db: Backend) {
    let smtp = Smtp::start();
    let open = Server::with(db, |config| config.mail.smtp_url = Some(smtp.url().into())).await;
    let acme = Tenant::verified(&open).await;
    acme.invite("guest@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let closed = node(&open, SignUp::Closed).await;
    let before = dump(&open.database);
    assert_admin_only(&sign_up(&closed, "guest@example.com").await);
    let page = join(&closed, &token, PASSWORD).await;
    assert!(page.status == 400 && page.text.contains("takes no new people"), "{}", page.text);
    assert_unchanged(&before, &open.database);
    // With an account by the operator, the same link works.
    process::run(&open.database, &["user", "create", "guest@example.com"]).await;
    let mut set = process::command_on(&open.database, &["user", "set-password", "guest@example.com"]);
    let file = crate::support::environment::directory().join(format!("password-{}", closed.address().port()));
    std::fs::write(&file, PASSWORD).expect("written");
    set.stdin(std::fs::File::open(&file).expect("a file"));
    assert!(process::output(set).await.status.success());
    let joined = join(&closed, &token, PASSWORD).await;
    assert!(joined.status == 200, "{}", joined.text);
}

async fn a_first_token_of_another_issuer_is_a_sign_up(db: Backend) {
    let issuer = Issuer::start(db).await;
    let acme = Tenant::new(&issuer.server).await;
    let with = async |mode: SignUp| {
        let issuers = vec![IssuerSettings::Oidc(issuer.settings.clone())];
        let node = issuer.server.another(|config| (config.identity.issuers, config.identity.sign_up) = (issuers, mode));
        node.await
    };
    let (invited, closed) = (with(SignUp::Invited).await, with(SignUp::Closed).await);
    let me = async |node: &Server, token: &str| node.get("/v1/me").bearer(token).send().await;
    let ada = issuer.token(&FIRST);
    let before = dump(&issuer.server.database);
    for node in [&invited, &closed] {
        let refused = me(node, &ada).await.expect_error(403, "insufficient_permission");
        assert!(refused.text_at("/error/message").starts_with("This server takes"), "{}", refused.text);
    }
    assert_unchanged(&before, &issuer.server.database);
    acme.invite("ada@example.com", "member", &[]).await;
    me(&closed, &ada).await.expect_error(403, "insufficient_permission");
    // An invited address that the issuer has not verified is anybody's claim.
    let claim = FIRST.sign(&changed(&issuer.claims("mallory"), "email_verified", json!(false)));
    me(&invited, &claim).await.expect_error(403, "insufficient_permission");
    me(&invited, &ada).await.expect(200);
    // From now on she is known, also where no other person comes in.
    me(&closed, &ada).await.expect(200);
}

async fn known_people_of_another_issuer_stay(db: Backend) {
    let issuer = Issuer::start(db).await;
    issuer.me(&issuer.token(&FIRST)).await.expect(200);
    let issuers = vec![IssuerSettings::Oidc(issuer.settings.clone())];
    let closed = issuer.server.another(|config| {
        (config.identity.issuers, config.identity.sign_up) = (issuers, SignUp::Closed);
    });
    let closed = closed.await;
    // Another name: the user is written anew.
    let token = FIRST.sign(&changed(&issuer.claims("ada"), "name", json!("Ada King")));
    let me = closed.get("/v1/me").bearer(&token).send().await.expect(200);
    assert_eq!(me["user"]["name"], "Ada King");
}
