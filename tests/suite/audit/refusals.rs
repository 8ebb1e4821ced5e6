//! What is refused, rolled back or was done before leaves no event.

use super::{actions, trail};
use crate::support::tenant::{User, verify_email};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![a_refused_write_leaves_no_event, what_is_done_again_leaves_no_event, a_rollback_leaves_no_event];

async fn a_refused_write_leaves_no_event(db: Backend) {
    let server = Server::start(db).await;
    let (acme, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let viewer = acme.add_to_workspace("viewer").await;
    let key = acme.create_key(&acme.owner, json!({})).await;
    server.post(&acme.key_path(&key, "/revoke")).bearer(&acme.owner.id_token).send().await.expect(200);
    let before = trail(&server.database, &acme.organization_id);
    let owner = acme.organization_path(&format!("/members/{}", acme.owner.user_id));
    let requests = [
        (404, server.post(&acme.key_path(&key, "/revoke")).bearer(&viewer.id_token)),
        (404, server.delete(&acme.key_path(&key, "")).bearer(&globex.owner.id_token)),
        (409, server.post(&acme.key_path(&key, "/disable")).bearer(&acme.owner.id_token)),
        (409, server.post(&acme.key_path(&key, "/roll")).bearer(&acme.owner.id_token)),
        (403, server.delete(&acme.organization_path("")).bearer(&viewer.id_token)),
        (409, server.delete(&owner).bearer(&acme.owner.id_token)),
        (
            422,
            server
                .post(&acme.organization_path("/workspaces"))
                .bearer(&acme.owner.id_token)
                .json(json!({ "name": "" })),
        ),
        (401, server.delete(&owner).bearer("a.b.c")),
    ];
    for (status, request) in requests {
        request.send().await.expect(status);
    }
    assert_eq!(trail(&server.database, &acme.organization_id), before);
}

async fn what_is_done_again_leaves_no_event(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let key = acme.create_key(&acme.owner, json!({})).await;
    let create = || {
        let request = server.post(&acme.workspace_path("/api-keys")).bearer(&acme.owner.id_token);
        request.header("idempotency-key", "once").json(json!({ "name": "Once" })).send()
    };
    let change = |rest: &str| server.post(&acme.key_path(&key, rest)).bearer(&acme.owner.id_token).send();
    create().await.expect(201);
    change("/disable").await.expect(200);
    change("/enable").await.expect(200);
    change("/revoke").await.expect(200);
    let before = trail(&server.database, &acme.organization_id);
    assert_eq!(
        actions(&before[before.len() - 4..]),
        ["api_key.created", "api_key.disabled", "api_key.enabled", "api_key.revoked"]
    );
    create().await.expect(200);
    change("/revoke").await.expect(200);
    let rename = server.patch(&acme.organization_path("")).bearer(&acme.owner.id_token);
    rename.json(json!({ "name": "Acme" })).send().await.expect(200);
    assert_eq!(trail(&server.database, &acme.organization_id), before);
}

async fn a_rollback_leaves_no_event(db: Backend) {
    let server = Server::start(db).await;
    // The older organization is left before the transaction finds that the younger one would have no owner.
    let (older, younger) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let mut person: User = younger.owner.clone();
    verify_email(&server, &mut person).await;
    let token = older.invite(&person.email, "member", &[]).await.text_at("/token");
    let accept = server.post("/v1/invitations/accept").bearer(&person.id_token);
    accept.json(json!({ "token": token })).send().await.expect(200);
    let trails = || [&older, &younger].map(|tenant| trail(&server.database, &tenant.organization_id));
    let before = trails();
    let delete = server.post("/identitytoolkit.googleapis.com/v1/accounts:delete");
    delete.json(json!({ "idToken": person.id_token })).send().await.expect(400);
    assert_eq!(trails(), before);
}
