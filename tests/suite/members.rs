//! Members, their roles, and the owner who must remain.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::{Value, json};

tests![
    the_last_owner_can_neither_leave_nor_step_down,
    two_owners_who_leave_at_once_leave_one,
    only_owners_name_and_unname_owners,
    a_member_may_leave_and_may_remove_nobody_else,
    members_are_listed_with_their_roles,
    a_workspaces_members_include_the_organizations_admins,
    a_workspace_role_is_given_changed_and_taken_away,
    only_members_of_the_organization_get_workspace_roles,
    programs_see_the_members_of_their_workspace,
];

fn member_path(tenant: &Tenant<'_>, user: &User) -> String {
    tenant.organization_path(&format!("/members/{}", user.user_id))
}

async fn the_last_owner_can_neither_leave_nor_step_down(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let path = member_path(&tenant, &tenant.owner);
    let before = dump(&server.database);
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect_error(409, "last_owner");
    let step_down = server.patch(&path).bearer(&tenant.owner.id_token).json(json!({"role": "admin"}));
    step_down.send().await.expect_error(409, "last_owner");
    assert_unchanged(&before, &server.database);
    let second = tenant.add_member("owner", &[]).await;
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    let alone = server.delete(&member_path(&tenant, &second)).bearer(&second.id_token).send().await;
    alone.expect_error(409, "last_owner");
}

async fn two_owners_who_leave_at_once_leave_one(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    for _ in 0..4 {
        let tenant = Tenant::new(&server).await;
        let second = tenant.add_member("owner", &[]).await;
        let leaves = [(&server, &tenant.owner), (&node, &second)]
            .map(|(on, user)| on.delete(&member_path(&tenant, user)).bearer(&user.id_token).send());
        let mut statuses: Vec<u16> = join_all(leaves).await.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

async fn only_owners_name_and_unname_owners(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (admin, member) = (tenant.add_member("admin", &[]).await, tenant.add_member("member", &[]).await);
    let second = tenant.add_member("owner", &[]).await;
    let change = |by: &User, of: &User, role: &str| {
        server.patch(&member_path(&tenant, of)).bearer(&by.id_token).json(json!({"role": role})).send()
    };
    let before = dump(&server.database);
    change(&admin, &member, "owner").await.expect_error(403, "insufficient_permission");
    change(&admin, &admin, "owner").await.expect_error(403, "insufficient_permission");
    change(&admin, &second, "member").await.expect_error(403, "insufficient_permission");
    let remove = server.delete(&member_path(&tenant, &second)).bearer(&admin.id_token).send().await;
    remove.expect_error(403, "insufficient_permission");
    let invitation = json!({"email": "new-owner@example.com", "role": "owner"});
    let invite = server.post(&tenant.organization_path("/invitations")).bearer(&admin.id_token).json(invitation);
    invite.send().await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    assert_eq!(change(&admin, &member, "admin").await.expect(200)["role"], "admin");
    assert_eq!(change(&tenant.owner, &member, "owner").await.expect(200)["role"], "owner");
    assert_eq!(change(&tenant.owner, &second, "member").await.expect(200)["role"], "member");
}

async fn a_member_may_leave_and_may_remove_nobody_else(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (member, other) = (tenant.add_to_workspace("admin").await, tenant.add_member("member", &[]).await);
    let before = dump(&server.database);
    for target in [&other, &tenant.owner] {
        let refused = server.delete(&member_path(&tenant, target)).bearer(&member.id_token).send().await;
        refused.expect_error(403, "insufficient_permission");
    }
    assert_unchanged(&before, &server.database);
    server.delete(&member_path(&tenant, &member)).bearer(&member.id_token).send().await.expect(200);
    let gone = server.get(&tenant.organization_path("")).bearer(&member.id_token).send().await;
    gone.expect_error(404, "not_found");
    let gone = server.get(&tenant.workspace_path("")).bearer(&member.id_token).send().await;
    gone.expect_error(404, "not_found");
}

fn people(page: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    page["data"].as_array().expect("a list").iter().map(|row| (text(&row["id"]), text(&row["role"]))).collect()
}

async fn members_are_listed_with_their_roles(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_member("member", &[]).await;
    let path = tenant.organization_path("/members");
    let page = server.get(&path).bearer(&member.id_token).send().await.expect(200);
    let expected = [(member.user_id.clone(), "member".into()), (tenant.owner.user_id.clone(), "owner".into())];
    assert_eq!(people(&page.body), expected);
    assert_eq!(page["data"][0]["email"], member.email.as_str());
    assert!(page["data"][0]["joinedAt"].is_string());
}

async fn a_workspaces_members_include_the_organizations_admins(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let _outside = tenant.add_member("member", &[]).await;
    let page = server.get(&tenant.workspace_path("/members")).bearer(&viewer.id_token).send().await.expect(200);
    let expected = [(viewer.user_id.clone(), "viewer".into()), (tenant.owner.user_id.clone(), "admin".into())];
    assert_eq!(people(&page.body), expected);
}

async fn a_workspace_role_is_given_changed_and_taken_away(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_member("member", &[]).await;
    let path = tenant.workspace_path(&format!("/members/{}", member.user_id));
    for role in ["viewer", "editor", "admin"] {
        let put = server.put(&path).bearer(&tenant.owner.id_token).json(json!({"role": role}));
        assert_eq!(put.send().await.expect(200)["role"], role);
        let seen = server.get(&tenant.workspace_path("")).bearer(&member.id_token).send().await.expect(200);
        assert_eq!(seen["role"], role);
    }
    let removed = server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(removed.body, json!({"orphanedKeys": [], "transferredKeys": []}));
    server.get(&tenant.workspace_path("")).bearer(&member.id_token).send().await.expect_error(404, "not_found");
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn only_members_of_the_organization_get_workspace_roles(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let stranger = User::sign_up(&server).await;
    let before = dump(&server.database);
    let path = tenant.workspace_path(&format!("/members/{}", stranger.user_id));
    let put = server.put(&path).bearer(&tenant.owner.id_token).json(json!({"role": "viewer"}));
    put.send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

async fn programs_see_the_members_of_their_workspace(db: Backend) {
    let server = Server::start(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({"scope": "read_only"})).await.plaintext;
    let page = server.get("/v1/members").header("x-api-key", &key).send().await.expect(200);
    let expected = [(viewer.user_id.clone(), "viewer".into()), (tenant.owner.user_id.clone(), "admin".into())];
    assert_eq!(people(&page.body), expected);
    let named = |workspace: &str| server.get("/v1/members").bearer(&key).header("x-workspace-id", workspace).send();
    named(&tenant.workspace_id).await.expect(200);
    named(&other.workspace_id).await.expect_error(403, "workspace_mismatch");
    named("nonsense").await.expect_error(403, "workspace_mismatch");
    let person = server.get("/v1/members").bearer(&viewer.id_token).send().await;
    person.expect_error(403, "credential_not_accepted");
}
