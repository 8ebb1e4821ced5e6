//! An invitation gives at most what its maker may give when it is accepted.

use super::{accept, invite_by, remove, set_disabled, set_role, verified};
use crate::invitations::mails::{PASSWORD, assert_page, join, start, token_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::smtp::Smtp;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    an_invitation_names_its_maker,
    a_loss_of_authority_withdraws_what_can_not_be_given_any_more,
    a_demotion_keeps_what_can_still_be_given,
    the_deletion_of_an_account_withdraws_its_invitations,
    an_invitation_that_its_maker_may_not_give_is_refused,
    a_mailed_invitation_that_its_maker_may_not_give_is_refused,
    an_invitation_without_a_maker_makes_members_only,
    who_may_withdraw_may_resend_and_the_other_way_round,
    a_mail_names_the_maker_whoever_resends_it,
    programs_and_services_invite_nobody,
];

/// The mail to an address that comes at this place, from 1.
async fn mail_to(smtp: &Smtp, email: &str, which: usize) -> String {
    let (mut place, mut found) = (1, 0);
    loop {
        let mail = smtp.mail(place).await;
        found += usize::from(mail.contains(&format!("To: {email}")));
        if found == which {
            return mail;
        }
        place += 1;
    }
}

async fn list(server: &Server, tenant: &Tenant<'_>) -> Value {
    let list = server.get(&tenant.organization_path("/invitations")).bearer(&tenant.owner.id_token);
    list.send().await.expect(200).body["data"].clone()
}

async fn an_invitation_names_its_maker(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let made = invite_by(&server, &tenant, &admin, "grace@example.com", "member").await.expect(201);
    let maker = json!({ "id": admin.user_id, "email": admin.email, "name": null });
    assert_eq!(made["invitedBy"], maker);
    assert_eq!(list(&server, &tenant).await[0]["invitedBy"], maker);
    let trail = server.get(&tenant.organization_path("/audit-events?action=invitation.created"));
    let events = trail.bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(events["data"][0]["after"]["invitedBy"], admin.user_id.as_str());
}

/// The ways to lose the authority to invite an owner, and what takes it away.
async fn lose(server: &Server, tenant: &Tenant<'_>, maker: &User, way: &str) {
    match way {
        "removed" => _ = remove(server, tenant, &tenant.owner, maker, "").await.expect(200),
        "left" => _ = remove(server, tenant, maker, maker, "").await.expect(200),
        "demoted" => _ = set_role(server, tenant, &tenant.owner, maker, "member").await.expect(200),
        "disabled" => set_disabled(server, maker, true).await,
        way => panic!("nothing says how a maker is {way}"),
    }
}

async fn a_loss_of_authority_withdraws_what_can_not_be_given_any_more(db: Backend) {
    let server = Server::start(db).await;
    for (place, way) in ["removed", "left", "demoted", "disabled"].into_iter().enumerate() {
        let tenant = Tenant::new(&server).await;
        let maker = tenant.add_member("owner", &[]).await;
        let email = format!("accomplice-{place}@example.com");
        let accomplice = verified(&server, &email).await;
        let made = invite_by(&server, &tenant, &maker, &email, "owner").await.expect(201);
        let other = tenant.invite(&format!("other-{place}@example.com"), "owner", &[]).await;
        lose(&server, &tenant, &maker, way).await;
        let left = list(&server, &tenant).await;
        assert_eq!((left.as_array().map(Vec::len), &left[0]["id"]), (Some(1), &other["id"]), "{way}");
        let path = tenant.organization_path("/audit-events?action=invitation.withdrawn");
        let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
        let event = &events["data"][0];
        assert_eq!(
            (&event["target"]["id"], &event["before"]["invitedBy"]),
            (&made["id"], &json!(maker.user_id)),
            "{way}"
        );
        let before = dump(&server.database);
        accept(&server, &accomplice, &made.text_at("/token")).await.expect_error(404, "not_found");
        assert_unchanged(&before, &server.database);
    }
}

async fn a_demotion_keeps_what_can_still_be_given(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let maker = tenant.add_member("owner", &[]).await;
    let guest = verified(&server, "guest@example.com").await;
    let owners = invite_by(&server, &tenant, &maker, "boss@example.com", "owner").await.expect(201);
    let admins = invite_by(&server, &tenant, &maker, &guest.email, "admin").await.expect(201);
    set_role(&server, &tenant, &tenant.owner, &maker, "admin").await.expect(200);
    let left = list(&server, &tenant).await;
    assert_eq!((left.as_array().map(Vec::len), &left[0]["id"]), (Some(1), &admins["id"]), "not {}", owners["id"]);
    assert_eq!(accept(&server, &guest, &admins.text_at("/token")).await.expect(200)["role"], "admin");
}

async fn the_deletion_of_an_account_withdraws_its_invitations(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let maker = tenant.add_member("admin", &[]).await;
    let guest = verified(&server, "guest@example.com").await;
    let made = invite_by(&server, &tenant, &maker, &guest.email, "member").await.expect(201);
    let delete = server.post("/identitytoolkit.googleapis.com/v1/accounts:delete?key=any");
    delete.json(json!({ "idToken": maker.id_token })).send().await.expect(200);
    assert_eq!(list(&server, &tenant).await, json!([]));
    accept(&server, &guest, &made.text_at("/token")).await.expect_error(404, "not_found");
}

/// As it would be if a version of Keyward that withdraws nothing had taken the maker's authority.
fn take_authority(server: &Server, maker: &User, how: &str) {
    let user = &maker.user_id;
    server.database.execute_unrecorded(&match how {
        "removed" => format!("DELETE FROM organization_members WHERE user_id = '{user}'"),
        "demoted" => format!("UPDATE organization_members SET role = 'member' WHERE user_id = '{user}'"),
        _ => format!("UPDATE users SET disabled_at = created_at WHERE id = '{user}'"),
    });
}

async fn an_invitation_that_its_maker_may_not_give_is_refused(db: Backend) {
    let server = Server::start(db).await;
    for how in ["removed", "demoted", "disabled"] {
        let tenant = Tenant::new(&server).await;
        let maker = tenant.add_member("admin", &[]).await;
        let guest = verified(&server, &format!("{how}@example.com")).await;
        let made = invite_by(&server, &tenant, &maker, &guest.email, "member").await.expect(201);
        take_authority(&server, &maker, how);
        let before = dump(&server.database);
        let refused = accept(&server, &guest, &made.text_at("/token")).await;
        let refused = refused.expect_error(403, "insufficient_permission");
        assert!(refused.text.contains("may not give its role any more"), "{}", refused.text);
        assert_unchanged(&before, &server.database);
    }
}

async fn a_mailed_invitation_that_its_maker_may_not_give_is_refused(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let maker = tenant.add_member("admin", &[]).await;
    let known = verified(&server, "known@example.com").await;
    for email in ["new@example.com", &*known.email] {
        invite_by(&server, &tenant, &maker, email, "member").await.expect(201);
        let token = token_in(&mail_to(&smtp, email, 1).await);
        take_authority(&server, &maker, "demoted");
        let before = dump(&server.database);
        let password = if email == known.email { &*known.password } else { PASSWORD };
        assert_page(join(&server, &token, password).await, 400, "may not give its role any more");
        assert_unchanged(&before, &server.database);
        server.database.execute_unrecorded("UPDATE organization_members SET role = 'admin' WHERE role = 'member'");
    }
}

async fn an_invitation_without_a_maker_makes_members_only(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let grants = [(&*tenant.workspace_id, "editor")];
    let (guest, boss) = (verified(&server, "guest@example.com").await, verified(&server, "boss@example.com").await);
    let member = tenant.invite(&guest.email, "member", &grants).await.text_at("/token");
    let admin = tenant.invite(&boss.email, "admin", &[]).await;
    server.database.execute_unrecorded("UPDATE invitations SET invited_by = NULL");
    assert_eq!(list(&server, &tenant).await[0]["invitedBy"], Value::Null);
    let before = dump(&server.database);
    accept(&server, &boss, &admin.text_at("/token")).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    assert_eq!(accept(&server, &guest, &member).await.expect(200)["role"], "member");
    // It can be withdrawn, and made anew.
    let path = tenant.organization_path(&format!("/invitations/{}", admin.text_at("/id")));
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
}

async fn who_may_withdraw_may_resend_and_the_other_way_round(db: Backend) {
    let (server, _smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let admin = tenant.add_member("admin", &[]).await;
    let (owners, members) = (
        tenant.invite("boss@example.com", "owner", &[]).await,
        tenant.invite("guest@example.com", "member", &[]).await,
    );
    let path =
        |made: &Value| tenant.organization_path(&format!("/invitations/{}", made["id"].as_str().expect("an id")));
    let resend = async |made: &Value, by: &User| {
        server.post(&format!("{}/resend", path(made))).bearer(&by.id_token).send().await
    };
    let withdraw = async |made: &Value, by: &User| server.delete(&path(made)).bearer(&by.id_token).send().await;
    let before = dump(&server.database);
    resend(&owners.body, &admin).await.expect_error(403, "insufficient_permission");
    withdraw(&owners.body, &admin).await.expect_error(403, "insufficient_permission");
    // A newer invitation of the address would withdraw it, too.
    let newer = invite_by(&server, &tenant, &admin, "boss@example.com", "member").await;
    newer.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    for (made, by) in [(&members.body, &admin), (&owners.body, &tenant.owner)] {
        resend(made, by).await.expect(200);
        withdraw(made, by).await.expect(204);
    }
}

async fn a_mail_names_the_maker_whoever_resends_it(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let maker = tenant.add_member("admin", &[]).await;
    let made = invite_by(&server, &tenant, &maker, "guest@example.com", "member").await.expect(201);
    assert!(mail_to(&smtp, "guest@example.com", 1).await.contains(&maker.email));
    let path = tenant.organization_path(&format!("/invitations/{}/resend", made.text_at("/id")));
    let resent = server.post(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(resent["invitedBy"]["id"], maker.user_id.as_str());
    let mail = mail_to(&smtp, "guest@example.com", 2).await;
    assert!(mail.contains(&maker.email) && !mail.contains(&tenant.owner.email), "{mail}");
    // One without a maker gets one, who may give what it gives.
    server.database.execute_unrecorded("UPDATE invitations SET invited_by = NULL");
    let resent = server.post(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(resent["invitedBy"]["id"], tenant.owner.user_id.as_str());
}

async fn programs_and_services_invite_nobody(db: Backend) {
    let server = Server::with(db, |config| config.keys.manage_with_keys = true).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let service = crate::support::tenant::service_token(&server.database).await;
    let before = dump(&server.database);
    for (credential, code) in [(key, "credential_not_accepted"), (service, "insufficient_permission")] {
        let request = server.post(&tenant.organization_path("/invitations")).bearer(&credential);
        let refused = request.json(json!({ "email": "grace@example.com", "role": "member" })).send().await;
        refused.expect_error(403, code);
    }
    assert_unchanged(&before, &server.database);
}
