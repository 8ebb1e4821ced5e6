//! `Keyward-On-Behalf-Of`: whose keys are made, and what the trail says.

use crate::audit::trail;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::{EVERYTHING, backend_token};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;

tests![
    a_key_that_is_made_for_a_member_is_the_members_and_the_trail_names_both,
    what_takes_a_person_is_refused_without_one,
    an_idempotency_key_is_apart_for_each_member,
    documents_are_written_in_the_name_of_the_member,
];

async fn a_key_that_is_made_for_a_member_is_the_members_and_the_trail_names_both(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let token = backend_token(&server.database, "keys:write", &[]).await;
    let keys = tenant.workspace_path("/api-keys");
    let request = server.post(&keys).bearer(&token).header("keyward-on-behalf-of", &viewer.user_id);
    let made = request.json(json!({ "name": "CI" })).send().await.expect(201);
    assert_eq!((&made["createdBy"], &made["role"]), (&json!(viewer.user_id), &json!("viewer")));
    let whoami = server.get("/v1/whoami").bearer(&made.text_at("/plaintext")).send().await.expect(200);
    assert_eq!(whoami["role"], "viewer");
    let revoke = format!("{keys}/{}/revoke", made.text_at("/id"));
    server.post(&revoke).bearer(&token).send().await.expect(200);
    let events = trail(&server.database, &tenant.organization_id);
    let [.., created, revoked] = &events[..] else { panic!("{events:#?}") };
    for (event, action, member) in
        [(created, "api_key.created", json!(viewer.user_id)), (revoked, "api_key.revoked", json!(null))]
    {
        assert_eq!((&event["action"], &event["onBehalfOf"]), (&json!(action), &member), "{event:#?}");
        assert_eq!((&event["actor"]["kind"], &event["actor"]["name"]), (&json!("service"), &json!("Gateway")));
    }
    // The member is in the hash.
    process::run(&server.database, &["audit", "verify", &tenant.organization_id]).await;
}

async fn what_takes_a_person_is_refused_without_one(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let token = backend_token(&server.database, EVERYTHING, &[]).await;
    let before = dump(&server.database);
    let invitation = json!({ "email": "ada@example.com", "role": "member" });
    for (path, body) in [
        (tenant.workspace_path("/api-keys"), json!({})),
        (tenant.organization_path("/invitations"), invitation.clone()),
    ] {
        let refused = server.post(&path).bearer(&token).json(body).send().await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], "Keyward-On-Behalf-Of", "{}", refused.text);
    }
    assert_unchanged(&before, &server.database);
    let request = server.post(&tenant.organization_path("/invitations")).bearer(&token).json(invitation);
    let made = request.header("keyward-on-behalf-of", &tenant.owner.user_id).send().await.expect(201);
    assert_eq!(made["invitedBy"]["id"], json!(tenant.owner.user_id));
}

async fn an_idempotency_key_is_apart_for_each_member(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let token = backend_token(&server.database, "keys:write", &[]).await;
    let create = async |member: &str| {
        let request = server.post(&tenant.workspace_path("/api-keys")).bearer(&token);
        let request = request.header("keyward-on-behalf-of", member).header("idempotency-key", "same");
        request.json(json!({ "name": "CI" })).send().await
    };
    let first = create(&editor.user_id).await.expect(201);
    let second = create(&tenant.owner.user_id).await.expect(201);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(create(&editor.user_id).await.expect(200)["id"], first["id"]);
}

async fn documents_are_written_in_the_name_of_the_member(db: Backend) {
    let notes = "[notes.schema]\ntype = \"object\"\nproperties = { text = { type = \"string\" } }";
    let server =
        Server::with(db, |config| config.collections = toml::from_str(notes).expect("good configuration")).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let token = backend_token(&server.database, "content:write", &[]).await;
    let path = tenant.workspace_path("/notes");
    let alone = server.post(&path).bearer(&token).json(json!({ "text": "one" })).send().await.expect(201);
    assert!(alone.text_at("/createdBy").starts_with("svt_"), "{}", alone.text);
    let request = server.post(&path).bearer(&token).header("keyward-on-behalf-of", &editor.user_id);
    let made = request.json(json!({ "text": "two" })).send().await.expect(201);
    assert_eq!(made["createdBy"], json!(editor.user_id));
    let listed = server.get(&path).bearer(&token).send().await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
}
