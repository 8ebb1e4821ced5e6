//! The life of a document.

use super::{server, tenant_with_key};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_document_is_made_read_replaced_changed_and_deleted,
    people_reach_the_same_documents_through_their_workspace,
    a_merge_patch_sets_removes_and_descends_as_rfc_7396_says,
    a_merge_patch_may_come_under_its_own_media_type,
    documents_go_with_the_document_they_belong_to,
    a_document_is_reached_only_through_its_own_collection_and_parent,
    a_creation_that_is_sent_again_makes_one_document,
    any_json_survives_the_round_trip,
    documents_go_with_their_workspace,
];

async fn a_document_is_made_read_replaced_changed_and_deleted(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let post = json!({ "post": { "title": "One", "status": "draft", "meta": { "pinned": true } } });
    let made = server.post("/v1/posts").bearer(&key.plaintext).json(post).send().await.expect(201);
    let path = format!("/v1/posts/{}", made.text_at("/id"));
    assert_eq!(made.body["title"], "One");
    assert_eq!(made.body["meta"], json!({ "pinned": true }));
    assert_eq!(made.body["createdBy"], key.id);
    assert_eq!(made.body["createdAt"], made.body["updatedAt"]);
    assert_eq!(made.headers["etag"], "\"1\"");
    let read = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    assert_eq!((&read.body, &read.headers["etag"]), (&made.body, &made.headers["etag"]));

    server.clock.advance(Duration::from_secs(60));
    let replaced =
        server.put(&path).bearer(&key.plaintext).json(json!({ "post": { "title": "Two" } })).send().await.expect(200);
    assert_eq!((&replaced.body["title"], &replaced.body["status"]), (&json!("Two"), &json!(null)));
    assert_eq!(replaced.body["createdAt"], made.body["createdAt"]);
    assert_ne!(replaced.body["updatedAt"], made.body["updatedAt"]);
    assert_eq!(replaced.headers["etag"], "\"2\"");

    let patch = json!({ "post": { "status": "live" } });
    let changed = server.patch(&path).bearer(&key.plaintext).json(patch).send().await.expect(200);
    assert_eq!((&changed.body["title"], &changed.body["status"]), (&json!("Two"), &json!("live")));
    assert_eq!(server.get(&path).bearer(&key.plaintext).send().await.expect(200).body, changed.body);

    server.delete(&path).bearer(&key.plaintext).send().await.expect(204);
    server.get(&path).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
    server.delete(&path).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
}

async fn people_reach_the_same_documents_through_their_workspace(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let id = tenant.add_document("/notes", json!({ "text": "by a person" })).await;
    let read = server.get(&format!("/v1/notes/{id}")).bearer(&key.plaintext).send().await.expect(200);
    assert_eq!((&read.body["text"], &read.body["createdBy"]), (&json!("by a person"), &json!(tenant.owner.user_id)));
    let peoples = tenant.workspace_path(&format!("/notes/{id}"));
    assert_eq!(server.get(&peoples).bearer(&tenant.owner.id_token).send().await.expect(200).body, read.body);

    // Each credential on its own path.
    let paths = [(peoples.as_str(), &key.plaintext), ("/v1/notes", &tenant.owner.id_token)];
    for (path, credential) in paths {
        server.get(path).bearer(credential).send().await.expect_error(403, "credential_not_accepted");
    }
    // An other workspace of the same tenant is another shelf.
    let second = tenant.add_workspace("Second").await;
    let elsewhere = format!("/v1/workspaces/{second}/notes/{id}");
    server.get(&elsewhere).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn a_merge_patch_sets_removes_and_descends_as_rfc_7396_says(db: Backend) {
    // The examples of RFC 7396, appendix A, whose target and patch are objects.
    let cases = [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
        (json!({"a":"b"}), json!({"a":null}), json!({})),
        (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
        (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
        (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
        (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
        (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
    ];
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    for (target, patch, expected) in cases {
        let made = server.post("/v1/notes").bearer(&key.plaintext).json(target.clone()).send().await.expect(201);
        let path = format!("/v1/notes/{}", made.text_at("/id"));
        let mut patched = server.patch(&path).bearer(&key.plaintext).json(patch.clone()).send().await.expect(200).body;
        for own in ["id", "createdAt", "updatedAt", "createdBy"] {
            patched.as_object_mut().expect("an object").remove(own);
        }
        assert_eq!(patched, expected, "{target} with {patch}");
    }
}

async fn a_merge_patch_may_come_under_its_own_media_type(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(json!({ "a": 1 })).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let send = async |method: &str| {
        let request = server.request(method.parse().expect("a method"), &path).bearer(&key.plaintext);
        request.header("content-type", "application/merge-patch+json").body(r#"{"a":2}"#).send().await
    };
    assert_eq!(send("PATCH").await.expect(200).body["a"], 2);
    let before = dump(&server.database);
    send("PUT").await.expect_error(415, "unsupported_media_type");
    assert_unchanged(&before, &server.database);
}

async fn documents_go_with_the_document_they_belong_to(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let post = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    let other = tenant.add_document("/posts", json!({ "post": { "title": "Other" } })).await;
    let remarks = format!("/v1/posts/{post}/remarks");
    let remark = server.post(&remarks).bearer(&key.plaintext).json(json!({ "author": "Ada" })).send().await.expect(201);
    let kept = format!("/v1/posts/{other}/remarks");
    server.post(&kept).bearer(&key.plaintext).json(json!({ "author": "Grace" })).send().await.expect(201);
    server.delete(&format!("/v1/posts/{post}")).bearer(&key.plaintext).send().await.expect(204);
    server.get(&remarks).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
    let path = format!("{remarks}/{}", remark.text_at("/id"));
    server.get(&path).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
    let left = server.get(&kept).bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(left.body["data"].as_array().map(Vec::len), Some(1));
    let rows = &dump(&server.database)["documents"];
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

async fn a_document_is_reached_only_through_its_own_collection_and_parent(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let note = tenant.add_document("/notes", json!({})).await;
    let (one, two) = (
        tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await,
        tenant.add_document("/posts", json!({ "post": { "title": "Two" } })).await,
    );
    let remark = tenant.add_document(&format!("/posts/{one}/remarks"), json!({})).await;
    let before = dump(&server.database);
    for path in [
        format!("/v1/posts/{note}"),
        format!("/v1/notes/{remark}"),
        format!("/v1/posts/{two}/remarks/{remark}"),
        format!("/v1/posts/{note}/remarks"),
        format!("/v1/posts/{remark}/remarks"),
    ] {
        server.get(&path).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
    }
    for parent in [&note, &remark] {
        let path = format!("/v1/posts/{parent}/remarks");
        server.post(&path).bearer(&key.plaintext).json(json!({})).send().await.expect_error(404, "not_found");
    }
    let path = format!("/v1/posts/{two}/remarks/{remark}");
    server.delete(&path).bearer(&key.plaintext).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

async fn a_creation_that_is_sent_again_makes_one_document(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let send = async |text: &str| {
        let request = server.post("/v1/notes").bearer(&key.plaintext).header("idempotency-key", "once");
        request.json(json!({ "text": text })).send().await
    };
    let made = send("a").await.expect(201);
    let again = send("a").await.expect(200);
    assert_eq!((&again.body, &again.headers["idempotent-replayed"]), (&made.body, &"true".parse().expect("text")));
    send("b").await.expect_error(409, "idempotency_key_reused");
    let list = server.get("/v1/notes").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(list.body["data"], json!([made.body]));
}

async fn any_json_survives_the_round_trip(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let document = json!({
        "text": "é\u{1F980}\"\\\n\u{7f}\u{ffff}", "": "an empty name", "a/b~c": 1, "$ref": "#/x", "'; DROP": "--",
        "numbers": [0, -1, 9_223_372_036_854_775_807_i64, 18_446_744_073_709_551_615_u64, 0.1, 1e300, -2.5e-10],
        "nested": [[], {}, [{"x": [null, true, false]}]], "null": null,
    });
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(document.clone()).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let read = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    for (name, value) in document.as_object().expect("an object") {
        assert_eq!(&read.body[name], value, "{name}");
    }
}

async fn documents_go_with_their_workspace(db: Backend) {
    let server = server(db).await;
    let (tenant, _) = tenant_with_key(&server).await;
    let post = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    tenant.add_document(&format!("/posts/{post}/remarks"), json!({})).await;
    server.delete(&tenant.workspace_path("")).bearer(&tenant.owner.id_token).send().await.expect(204);
    assert_eq!(dump(&server.database)["documents"], "");
}
