//! `ETag`, `If-Match` and `If-None-Match`.

use super::{server, tenant_with_key};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, tests};
use serde_json::json;

tests![
    a_write_of_an_old_version_is_refused_and_changes_nothing,
    of_many_writers_of_one_version_one_wins,
    a_version_that_the_reader_has_is_not_sent_again,
];

async fn a_write_of_an_old_version_is_refused_and_changes_nothing(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(json!({ "n": 1 })).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let first = made.headers["etag"].to_str().expect("text").to_owned();
    let write = async |method: &str, tag: &str| {
        let request = server.request(method.parse().expect("a method"), &path).bearer(&key.plaintext);
        let request = request.header("if-match", tag);
        // A deletion takes no body.
        if method == "DELETE" { request.send().await } else { request.json(json!({ "n": 2 })).send().await }
    };
    write("PUT", &first).await.expect(200);
    let before = dump(&server.database);
    for method in ["PUT", "PATCH", "DELETE"] {
        for old in [&first, "\"99\"", "W/\"1\"", "\"x\"", "W/\"x\"", "\"1\", \"3\""] {
            write(method, old).await.expect_error(412, "precondition_failed");
        }
    }
    assert_unchanged(&before, &server.database);
    write("PATCH", "\"1\", \"2\"").await.expect(200);
    write("PATCH", "*").await.expect(200);
    // A proxy that compressed the answer made the tag weak; it names the same version.
    write("PATCH", "W/\"4\"").await.expect(200);
    write("DELETE", "\"5\"").await.expect(204);
}

async fn of_many_writers_of_one_version_one_wins(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(json!({ "n": 0 })).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let write = |n: i32| {
        let request = server.patch(&path).bearer(&key.plaintext).header("if-match", "\"1\"");
        request.json(json!({ "n": n })).send()
    };
    let answers = futures_util::future::join_all((1..=12).map(write)).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 412));
    let read = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    assert_eq!((&read.body, &read.headers["etag"]), (&won[0].body, &"\"2\"".parse().expect("text")));
}

async fn a_version_that_the_reader_has_is_not_sent_again(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let made = server.post("/v1/notes").bearer(&key.plaintext).json(json!({ "n": 1 })).send().await.expect(201);
    let path = format!("/v1/notes/{}", made.text_at("/id"));
    let read = async |tag: &str| server.get(&path).bearer(&key.plaintext).header("if-none-match", tag).send().await;
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let answer = read(known).await.expect(304);
        assert_eq!(answer.headers["etag"], "\"1\"");
    }
    read("\"2\"").await.expect(200);
}
