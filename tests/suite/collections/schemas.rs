//! Documents that their schema does not allow.

use super::{server, tenant_with_key};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, tests};
use serde_json::{Value, json};

tests![
    a_bad_document_is_refused_and_each_field_is_named_by_its_json_pointer,
    a_patch_that_would_spoil_the_document_is_refused,
    keywards_own_fields_can_not_be_set,
    what_a_database_can_not_hold_is_refused_by_both,
    a_refusal_does_not_repeat_the_value,
];

fn fields(body: &Value) -> Vec<&str> {
    let details = body["error"]["details"].as_array().expect("details");
    details.iter().map(|detail| detail["field"].as_str().expect("a field")).collect()
}

async fn a_bad_document_is_refused_and_each_field_is_named_by_its_json_pointer(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let id = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    let before = dump(&server.database);
    let cases = [
        (json!({ "post": {} }), vec!["/post/title"]),
        (json!({ "post": { "title": 1 } }), vec!["/post/title"]),
        (json!({ "post": { "title": "" } }), vec!["/post/title"]),
        (json!({ "post": { "title": "a", "status": "gone", "rank": "x" } }), vec!["/post/rank", "/post/status"]),
        (json!({ "post": { "title": "a", "tags": ["ok", "NO", 3] } }), vec!["/post/tags/1", "/post/tags/2"]),
        (json!({ "post": { "title": "a", "meta": { "pinned": "yes" } } }), vec!["/post/meta/pinned"]),
        (json!({ "post": { "title": "a", "a/b~c": 1, "other": 2 } }), vec!["/post/a~1b~0c", "/post/other"]),
        (json!({ "title": "a" }), vec!["/title"]),
        (json!({}), vec!["/post"]),
        (json!({ "post": [] }), vec!["/post"]),
        (json!({ "post": null }), vec!["/post"]),
        (json!({ "post": { "title": "a" }, "draft": true }), vec!["/draft"]),
        (json!([]), vec![""]),
    ];
    for (body, expected) in cases {
        for (method, path) in [("POST", "/v1/posts".to_owned()), ("PUT", format!("/v1/posts/{id}"))] {
            let request = server.request(method.parse().expect("a method"), &path).bearer(&key.plaintext);
            let refused = request.json(body.clone()).send().await.expect_error(422, "validation_failed");
            let mut named = fields(&refused.body);
            named.sort_unstable();
            assert_eq!(named, expected, "{method} {body}: {}", refused.text);
        }
    }
    assert_unchanged(&before, &server.database);
}

async fn a_patch_that_would_spoil_the_document_is_refused(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let id = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    let before = dump(&server.database);
    for (patch, field) in [
        (json!({ "title": null }), "/post/title"),
        (json!({ "meta": { "pinned": 1 } }), "/post/meta/pinned"),
        (json!({ "unknown": 1 }), "/post/unknown"),
    ] {
        let request = server.patch(&format!("/v1/posts/{id}")).bearer(&key.plaintext).json(json!({ "post": patch }));
        let refused = request.send().await.expect_error(422, "validation_failed");
        assert_eq!(fields(&refused.body), [field]);
    }
    assert_unchanged(&before, &server.database);
}

async fn keywards_own_fields_can_not_be_set(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let id = tenant.add_document("/notes", json!({ "text": "mine" })).await;
    let before = dump(&server.database);
    for own in ["id", "createdAt", "updatedAt", "createdBy"] {
        for (method, path) in [("POST", "/v1/notes".to_owned()), ("PATCH", format!("/v1/notes/{id}"))] {
            let request = server.request(method.parse().expect("a method"), &path).bearer(&key.plaintext);
            let refused = request.json(json!({ own: "x" })).send().await.expect_error(422, "validation_failed");
            assert_eq!(fields(&refused.body), [format!("/{own}")]);
        }
    }
    assert_unchanged(&before, &server.database);
}

async fn what_a_database_can_not_hold_is_refused_by_both(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let before = dump(&server.database);
    for (body, field) in [(json!({ "a": ["x", "b\0c"] }), "/a/1"), (json!({ "a": { "b\0": 1 } }), "/a")] {
        let refused = server.post("/v1/notes").bearer(&key.plaintext).json(body).send().await;
        assert_eq!(fields(&refused.expect_error(422, "validation_failed").body), [field]);
    }
    let twice = server.post("/v1/notes").bearer(&key.plaintext).header("content-type", "application/json");
    let refused = twice.body(r#"{"a":{"b":1,"b":2}}"#).send().await.expect_error(422, "validation_failed");
    assert_eq!(fields(&refused.body), ["/a"]);
    assert_unchanged(&before, &server.database);
}

async fn a_refusal_does_not_repeat_the_value(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let post = json!({ "post": { "title": "a", "status": "a-very-private-text", "tags": ["ANOTHER-PRIVATE-TEXT"] } });
    let refused = server.post("/v1/posts").bearer(&key.plaintext).json(post).send().await;
    let text = refused.expect_error(422, "validation_failed").text;
    assert!(!text.to_lowercase().contains("private"), "{text}");
}
