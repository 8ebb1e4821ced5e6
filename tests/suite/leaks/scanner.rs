//! A scanner of one's own brings a service token.

use super::{PATH, feedback, found};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![a_service_tells_of_leaked_keys_of_any_tenant, nobody_else_may];

async fn a_service_tells_of_leaked_keys_of_any_tenant(db: Backend) {
    let server = Server::start(db).await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let service = service_token(&server.database).await;
    let keys = [one.create_key(&one.owner, json!({})).await, other.create_key(&other.owner, json!({})).await];
    let bare =
        json!([{ "token": keys[0].plaintext }, { "token": keys[1].plaintext, "url": null, "source": "", "more": 1 }]);
    let answer = server.post(PATH).bearer(&service).json(bare).send().await.expect(200);
    let expected: Vec<Value> = keys
        .iter()
        .map(|key| {
            let mut feedback = feedback(&key.plaintext, "true_positive");
            feedback["token_type"] = json!("");
            feedback
        })
        .collect();
    assert_eq!(answer.body, json!(expected));
    for (tenant, key) in [&one, &other].into_iter().zip(&keys) {
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
        let path = tenant.organization_path("/audit-events?action=api_key.revoked&actor=service");
        let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
        assert_eq!(events["data"][0]["after"], json!({ "revoked": true, "reason": "leaked" }));
    }
}

async fn nobody_else_may(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let before = dump(&server.database);
    let body = json!([found(&key.plaintext)]);
    for credential in [&tenant.owner.id_token, &key.plaintext] {
        let request = server.post(PATH).bearer(credential).json(body.clone());
        request.send().await.expect_error(403, "credential_not_accepted");
    }
    server.post(PATH).json(body).send().await.expect_error(401, "missing_credentials");
    assert_unchanged(&before, &server.database);
}
