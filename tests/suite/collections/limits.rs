//! How much a workspace may keep, and who may write.

use super::tenant_with_key;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    many_creations_at_once_do_not_pass_the_limit,
    the_limit_is_each_workspaces_own,
    a_document_that_is_too_large_is_refused_however_it_got_so,
    a_collection_that_keys_can_not_write_is_written_by_people,
    a_collections_permissions_are_as_configured,
    a_lapsed_organizations_programs_are_refused,
];

async fn server(db: Backend, collection: &str) -> Server {
    Server::with(db, |config| {
        config.collections = toml::from_str(collection).expect("good configuration");
    })
    .await
}

async fn many_creations_at_once_do_not_pass_the_limit(db: Backend) {
    let server = server(db, "[notes]\nmax_documents = 5").await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let create = |n: i32| server.post("/v1/notes").bearer(&key.plaintext).json(json!({ "n": n })).send();
    let answers = futures_util::future::join_all((0..15).map(create)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    let before = dump(&server.database);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let message = answer.expect_error(409, "conflict").text_at("/error/message");
        assert!(message.contains("5 notes") && message.contains("Delete some"), "{message}");
    }
    create(16).await.expect_error(409, "conflict");
    assert_unchanged(&before, &server.database);
    let list = server.get("/v1/notes").bearer(&key.plaintext).send().await.expect(200);
    let path = format!("/v1/notes/{}", list.text_at("/data/0/id"));
    server.delete(&path).bearer(&key.plaintext).send().await.expect(204);
    create(17).await.expect(201);
}

async fn the_limit_is_each_workspaces_own(db: Backend) {
    let server = server(db, "[notes]\nmax_documents = 1").await;
    let tenants = [Tenant::new(&server).await, Tenant::new(&server).await];
    for tenant in &tenants {
        let path = tenant.workspace_path("/notes");
        let create = || server.post(&path).bearer(&tenant.owner.id_token).json(json!({})).send();
        create().await.expect(201);
        create().await.expect_error(409, "conflict");
    }
}

async fn a_document_that_is_too_large_is_refused_however_it_got_so(db: Backend) {
    let server = server(db, "[notes]\nmax_bytes = 20").await;
    let (_tenant, key) = tenant_with_key(&server).await;
    // {"a":"…"} is eight bytes more than its text.
    let of = |length: usize| json!({ "a": "x".repeat(length) });
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(of(12)).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let before = dump(&server.database);
    server.post("/v1/notes").bearer(&key.plaintext).json(of(13)).send().await.expect_error(413, "body_too_large");
    server.put(&path).bearer(&key.plaintext).json(of(13)).send().await.expect_error(413, "body_too_large");
    let grown = server.patch(&path).bearer(&key.plaintext).json(json!({ "b": 1 })).send().await;
    let message = grown.expect_error(413, "body_too_large").text_at("/error/message");
    assert!(message.contains("20"), "{message}");
    assert_unchanged(&before, &server.database);
}

async fn a_collection_that_keys_can_not_write_is_written_by_people(db: Backend) {
    let server = server(db, "[notes]\nkeys_may_write = false").await;
    let (tenant, key) = tenant_with_key(&server).await;
    let id = tenant.add_document("/notes", json!({ "text": "by a person" })).await;
    let path = format!("/v1/notes/{id}");
    let before = dump(&server.database);
    server
        .post("/v1/notes")
        .bearer(&key.plaintext)
        .json(json!({}))
        .send()
        .await
        .expect_error(403, "credential_not_accepted");
    for method in ["PUT", "PATCH", "DELETE"] {
        let request = server.request(method.parse().expect("a method"), &path).bearer(&key.plaintext).json(json!({}));
        request.send().await.expect_error(403, "credential_not_accepted");
    }
    assert_unchanged(&before, &server.database);
    server.get(&path).bearer(&key.plaintext).send().await.expect(200);
}

async fn a_collections_permissions_are_as_configured(db: Backend) {
    let settings = "[notes]\nread_permission = \"content:write\"\nwrite_permission = \"workspace:manage\"";
    let server = server(db, settings).await;
    let tenant = Tenant::new(&server).await;
    for (role, reads, writes) in [("viewer", 403, 403), ("editor", 200, 403), ("admin", 200, 201)] {
        let member = tenant.add_to_workspace(role).await;
        let key = tenant.create_key(&member, json!({})).await;
        for (path, credential) in [("/v1/notes", &key.plaintext), (&*tenant.workspace_path("/notes"), &member.id_token)]
        {
            let before = dump(&server.database);
            server.get(path).bearer(credential).send().await.expect(reads);
            server.post(path).bearer(credential).json(json!({})).send().await.expect(writes);
            if writes != 201 {
                assert_unchanged(&before, &server.database);
            }
        }
    }
}

async fn a_lapsed_organizations_programs_are_refused(db: Backend) {
    let server = server(db, "[notes]").await;
    let (tenant, key) = tenant_with_key(&server).await;
    server.get("/v1/notes").bearer(&key.plaintext).send().await.expect(200);
    let set = ["subscription", "set", &tenant.organization_id, "--status", "past_due"];
    crate::support::process::run(&server.database, &set).await;
    let before = dump(&server.database);
    server.get("/v1/notes").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    let create = server.post("/v1/notes").bearer(&key.plaintext).json(json!({}));
    create.send().await.expect_error(403, "subscription_inactive");
    assert_unchanged(&before, &server.database);
}
