//! One function says whether a person can act: for last owners, heirs and lists.

use super::{accept, invite_by, remove, role_of, set_disabled, set_role, sign_in, transfer};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    a_disabled_owner_is_no_other_owner,
    a_disabled_person_inherits_no_keys,
    lists_show_who_can_act,
    a_disabled_person_who_is_enabled_again_gives_again,
];

async fn a_disabled_owner_is_no_other_owner(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let second = tenant.add_member("owner", &[]).await;
    set_disabled(&server, &second, true).await;
    let before = dump(&server.database);
    let owner = &tenant.owner;
    remove(&server, &tenant, owner, owner, "").await.expect_error(409, "last_owner");
    set_role(&server, &tenant, owner, owner, "member").await.expect_error(409, "last_owner");
    let delete = server.post("/identitytoolkit.googleapis.com/v1/accounts:delete?key=any");
    let refused = delete.json(json!({ "idToken": owner.id_token })).send().await.expect(400);
    assert!(refused.text.contains("last owner"), "{}", refused.text);
    assert_unchanged(&before, &server.database);
    // The disabled one can be removed, and counts again once enabled.
    set_disabled(&server, &second, false).await;
    remove(&server, &tenant, owner, owner, "").await.expect(200);
}

async fn a_disabled_person_inherits_no_keys(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (heir, leaver) = (tenant.add_to_workspace("admin").await, tenant.add_to_workspace("editor").await);
    let key = tenant.create_key(&leaver, json!({})).await;
    set_disabled(&server, &heir, true).await;
    let before = dump(&server.database);
    for mode in ["keep", "roll"] {
        let body = json!({ "userId": heir.user_id, "mode": mode });
        let refused = transfer(&server, &tenant, &tenant.owner.id_token, &key, body).await;
        refused.expect_error(422, "validation_failed");
        let query = format!("?transferKeysTo={}&mode={mode}", heir.user_id);
        remove(&server, &tenant, &tenant.owner, &leaver, &query).await.expect_error(422, "validation_failed");
        let path = tenant.workspace_path(&format!("/members/{}{query}", leaver.user_id));
        let refused = server.delete(&path).bearer(&tenant.owner.id_token).send().await;
        refused.expect_error(422, "validation_failed");
    }
    assert_unchanged(&before, &server.database);
    assert_eq!(role_of(&server, &key.plaintext).await, Some("editor".to_owned()));
}

async fn lists_show_who_can_act(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let reader = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await.plaintext;
    for (is_disabled, status) in [(false, "active"), (true, "disabled"), (false, "active")] {
        set_disabled(&server, &editor, is_disabled).await;
        let lists = [
            server.get(&tenant.organization_path("/members")).bearer(&tenant.owner.id_token),
            server.get(&tenant.workspace_path("/members")).bearer(&tenant.owner.id_token),
            server.get("/v1/members").bearer(&reader),
        ];
        for list in lists {
            let list = list.send().await.expect(200);
            assert_eq!((&list["data"][0]["id"], &list["data"][0]["status"]), (&json!(editor.user_id), &json!(status)));
            assert_eq!(list["data"][1]["status"], "active");
        }
    }
    let path = tenant.organization_path(&format!("/members/{}", editor.user_id));
    set_disabled(&server, &editor, true).await;
    let changed = server.patch(&path).bearer(&tenant.owner.id_token).json(json!({ "role": "admin" }));
    assert_eq!(changed.send().await.expect(200)["status"], "disabled");
}

async fn a_disabled_person_who_is_enabled_again_gives_again(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut admin = tenant.add_member("admin", &[]).await;
    let guest = super::verified(&server, "guest@example.com").await;
    let lost = invite_by(&server, &tenant, &admin, &guest.email, "member").await.expect(201).text_at("/token");
    set_disabled(&server, &admin, true).await;
    set_disabled(&server, &admin, false).await;
    accept(&server, &guest, &lost).await.expect_error(404, "not_found");
    sign_in(&server, &mut admin).await;
    let made = invite_by(&server, &tenant, &admin, &guest.email, "member").await.expect(201).text_at("/token");
    accept(&server, &guest, &made).await.expect(200);
}
