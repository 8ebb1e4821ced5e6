//! People of other issuers who are invited: when their address counts, and when nothing can be mailed.

use super::forge::{FIRST, changed};
use super::key_server::Issuer;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::smtp::{Smtp, code_in};
use crate::support::tenant::User;
use crate::support::{Backend, Tenant, tests};
use keyward::base::config::{Config, TrustEmail};
use serde_json::{Value, json};

tests![
    an_address_accepts_invitations_as_far_as_its_issuer_is_trusted,
    a_mailed_token_suffices_and_changes_nothing_of_what_an_issuer_says,
    without_the_built_in_page_or_one_of_ones_own_no_invitation_is_mailed,
];

async fn an_address_accepts_invitations_as_far_as_its_issuer_is_trusted(db: Backend) {
    for (trust, verified, accepted) in [
        (TrustEmail::Verified, json!(true), true),
        (TrustEmail::Verified, json!(false), false),
        (TrustEmail::Verified, json!("true"), false),
        (TrustEmail::Verified, Value::Null, false),
        (TrustEmail::Never, json!(true), false),
        (TrustEmail::Always, Value::Null, true),
    ] {
        let issuer = Issuer::with(db, |oidc| oidc.trust_email = trust).await;
        let tenant = Tenant::new(&issuer.server).await;
        // The address has an account at the built-in provider, whose person the invitation may be meant for.
        let account = User::sign_up_as(&issuer.server, "ada@example.com").await;
        let invitation = tenant.invite("ada@example.com", "member", &[]).await.text_at("/token");
        let token = FIRST.sign(&changed(&issuer.claims("ada"), "email_verified", verified.clone()));
        issuer.me(&token).await.expect(200);
        let before = dump(&issuer.server.database);
        let request = issuer.server.post("/v1/invitations/accept").bearer(&token);
        let answer = request.json(json!({ "token": invitation })).send().await;
        if accepted {
            answer.expect(200);
            // The one who accepted is a member; the account of the same address is not.
            issuer.server.get(&tenant.organization_path("")).bearer(&token).send().await.expect(200);
            let other = issuer.server.get(&tenant.organization_path("")).bearer(&account.id_token).send().await;
            other.expect_error(404, "not_found");
        } else {
            assert_eq!(answer.status, 403, "{trust:?} {verified}: {}", answer.text);
            assert_unchanged(&before, &issuer.server.database);
        }
    }
}

async fn a_mailed_token_suffices_and_changes_nothing_of_what_an_issuer_says(db: Backend) {
    let issuer = Issuer::with(db, |oidc| oidc.trust_email = TrustEmail::Never).await;
    let smtp = Smtp::start();
    let mailing = issuer.server.another(|config| config.mail.smtp_url = Some(smtp.url().into())).await;
    let tenant = Tenant::verified(&mailing).await;
    // The address has an account at the built-in provider, which proves nothing by another person's acceptance.
    let account = User::sign_up_as(&mailing, "ada@example.com").await;
    tenant.invite("ada@example.com", "member", &[]).await;
    let mailed = code_in(&smtp.mail(1).await, "token=").expect("a link");
    let token = issuer.token(&FIRST);
    issuer.me(&token).await.expect(200);
    let before = dump(&issuer.server.database);
    let accept = issuer.server.post("/v1/invitations/accept").bearer(&token);
    accept.json(json!({ "token": mailed })).send().await.expect(200);
    issuer.server.get(&tenant.organization_path("")).bearer(&token).send().await.expect(200);
    let other = issuer.server.get(&tenant.organization_path("")).bearer(&account.id_token).send().await;
    other.expect_error(404, "not_found");
    let after = dump(&issuer.server.database);
    for table in ["users", "accounts"] {
        assert_eq!(before[table], after[table], "{table}");
    }
}

async fn without_the_built_in_page_or_one_of_ones_own_no_invitation_is_mailed(db: Backend) {
    let issuer = Issuer::start(db).await;
    let smtp = Smtp::start();
    let change = |config: &mut Config| {
        config.identity.builtin = false;
        config.mail.smtp_url = Some(smtp.url().into());
    };
    let server = issuer.server.another(change).await;
    let token = issuer.token(&FIRST);
    let made = server.post("/v1/organizations").bearer(&token).json(json!({ "name": "Acme" })).send().await;
    let invitations = format!("/v1/organizations/{}/invitations", made.expect(201).text_at("/id"));
    let invite = server.post(&invitations).bearer(&token);
    let invited = invite.json(json!({ "email": "grace@example.com", "role": "member" })).send().await.expect(201);
    assert_eq!(invited["mailed"], false);
    let before = dump(&server.database);
    let resend = server.post(&format!("{invitations}/{}/resend", invited.text_at("/id"))).bearer(&token).send().await;
    resend.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
    assert_eq!(smtp.count(), 0);
}
