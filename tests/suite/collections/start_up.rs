//! What the start looks at, and what it refuses.

use super::blog;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Tenant;
use crate::support::{Backend, Server, process, tests};
use keyward::base::config::Config;
use serde_json::json;

tests![
    a_wrong_collection_stops_the_start_and_says_which_key_is_wrong,
    a_collection_with_documents_can_not_disappear_from_the_configuration,
    a_collection_with_documents_can_not_become_another_ones_part,
    the_operator_deletes_a_collection_for_good,
    indexes_come_and_go_with_the_configuration,
    a_schema_file_is_read_from_beside_the_configuration,
];

fn with(collections: &str) -> impl FnOnce(&mut Config) + use<> {
    let collections = collections.to_owned();
    move |config: &mut Config| config.collections = toml::from_str(&collections).expect("TOML")
}

async fn a_wrong_collection_stops_the_start_and_says_which_key_is_wrong(db: Backend) {
    let server = Server::start(db).await;
    let before = dump(&server.database);
    for (toml, words) in [
        ("[posts.schema]\ntype = \"array\"", ["collections.posts.schema", "object"]),
        ("[posts.schema]\ntype = \"objekt\"", ["collections.posts.schema", "object"]),
        ("[posts.schema]\nminProperties = -1", ["collections.posts.schema", "minProperties"]),
        ("[posts.schema]\n\"$ref\" = \"https://example.com/schema\"", ["collections.posts.schema", "example.com"]),
        (
            "[posts.schema]\n\"$schema\" = \"http://json-schema.org/draft-07/schema#\"",
            ["collections.posts.schema", "2020-12"],
        ),
        ("[posts.schema.properties]\nid = {}", ["collections.posts.schema", "properties.id"]),
        (
            "[posts.schema.properties]\na = { type = \"string\", pattern = \"(a)\\\\1\" }",
            ["collections.posts.schema", "pattern"],
        ),
        ("[posts]\npath = \"members\"", ["collections.posts.path", "/v1/members"]),
        ("[posts]\npath = \"organizations\"", ["collections.posts.path", "/v1/organizations"]),
        ("[members]", ["collections.members.path", "/v1/members"]),
        ("[api-keys]", ["collections.api-keys.path", "/api-keys"]),
        ("[a]\npath = \"x\"\n[b]\npath = \"x\"", ["collections.b.path", "collections.a"]),
        ("[posts]\npath = \"/posts\"", ["collections.posts.path", "forms/{id}/submissions"]),
        ("[remarks]\npath = \"posts/{id}/remarks\"", ["collections.remarks.path", "\"posts\""]),
        ("[posts]\nfilter_by = [\"title\"]", ["collections.posts.filter_by", "title"]),
        ("[posts]\nsort_by = [\"ti'tle\"]", ["collections.posts.sort_by", "letters"]),
        (
            "[posts]\nread_permission = \"organization:read\"",
            ["collections.posts.read_permission", "organization:read"],
        ),
        ("[posts]\nwrite_permission = \"content:read\"", ["collections.posts.write_permission", "read-only"]),
        ("[posts]\nmax_bytes = 300000", ["collections.posts.max_bytes", "262144"]),
        ("[posts]\nmax_documents = 0", ["collections.posts.max_documents", "100000"]),
        ("[posts]\nenvelope = \"\"", ["collections.posts.envelope", "letters"]),
    ] {
        let reason = Server::try_on(&server.database, with(toml)).await.expect_err(toml);
        assert!(words.iter().all(|word| reason.contains(word)), "{toml}\n{reason}\n{words:?}");
    }
    assert_unchanged(&before, &server.database);
}

async fn a_collection_with_documents_can_not_disappear_from_the_configuration(db: Backend) {
    let server = Server::with(db, blog).await;
    let tenant = Tenant::new(&server).await;
    tenant.add_document("/notes", json!({ "text": "kept" })).await;
    let before = dump(&server.database);
    let reason = Server::try_on(&server.database, with("[posts]")).await.expect_err("notes are missing");
    assert!(
        ["collections.notes", "keyward collection delete notes"].iter().all(|word| reason.contains(word)),
        "{reason}"
    );
    assert_unchanged(&before, &server.database);
    // One without documents is not missed.
    Server::try_on(&server.database, with("[notes]")).await.expect("posts have no documents");
}

async fn a_collection_with_documents_can_not_become_another_ones_part(db: Backend) {
    let server = Server::with(db, blog).await;
    let tenant = Tenant::new(&server).await;
    let post = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    tenant.add_document(&format!("/posts/{post}/remarks"), json!({})).await;
    let before = dump(&server.database);
    let reason = Server::try_on(&server.database, with("[posts]\n[remarks]")).await.expect_err("remarks have parents");
    assert!(reason.contains("collections.remarks.path") && reason.contains("posts"), "{reason}");
    assert_unchanged(&before, &server.database);
}

async fn the_operator_deletes_a_collection_for_good(db: Backend) {
    let server = Server::with(db, blog).await;
    let tenant = Tenant::new(&server).await;
    let post = tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await;
    tenant.add_document(&format!("/posts/{post}/remarks"), json!({})).await;
    tenant.add_document("/notes", json!({})).await;
    let listed = process::run(&server.database, &["collection", "list"]).await;
    assert_eq!(listed, "notes\t1\nposts\t1\nremarks\t1\n");
    let before = dump(&server.database);
    let refused = process::fail(&server.database, &["collection", "delete", "posts"]).await;
    assert!(refused.contains("1 documents") && refused.contains("--yes"), "{refused}");
    let unknown = process::fail(&server.database, &["collection", "delete", "nothing", "--yes"]).await;
    assert!(unknown.contains("no collection nothing"), "{unknown}");
    assert_unchanged(&before, &server.database);
    process::run(&server.database, &["collection", "delete", "posts", "--yes"]).await;
    assert_eq!(process::run(&server.database, &["collection", "list"]).await, "notes\t1\nremarks\t0\n");
    Server::try_on(&server.database, with("[notes]")).await.expect("nothing is missed");
}

async fn indexes_come_and_go_with_the_configuration(db: Backend) {
    let declare = |filters: &str| {
        with(&format!(
            "[posts]\nfilter_by = [{filters}]\n[posts.schema.properties]\na = {{ type = \"string\" }}\nb = {{ type = \"number\" }}"
        ))
    };
    let server = Server::with(db, declare("\"a\"")).await;
    let indexes = || {
        let statement = match db {
            Backend::Postgres => {
                "SELECT indexname::text AS text FROM pg_indexes WHERE indexname LIKE 'documents_by_%' ORDER BY 1"
            }
            Backend::Sqlite => "SELECT name AS text FROM sqlite_schema WHERE name LIKE 'documents_by_%' ORDER BY 1",
        };
        server.database.texts(statement)
    };
    let first = indexes();
    assert_eq!(first.len(), 1);
    Server::try_on(&server.database, declare("\"a\", \"b\"")).await.expect("one more");
    let both = indexes();
    assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");
    Server::try_on(&server.database, declare("\"b\"")).await.expect("one less");
    assert!(indexes().len() == 1 && !indexes().contains(&first[0]));
    Server::try_on(&server.database, declare("")).await.expect("none");
    assert!(indexes().is_empty());
}

async fn a_schema_file_is_read_from_beside_the_configuration(db: Backend) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("post.json", r#"{ "type": "object", "required": ["title"] }"#);
    let file = folder.path().join("keyward.toml");
    write("keyward.toml", "[collections.posts]\nschema_file = \"post.json\"");
    let path = file.to_str().expect("text");
    let server = Server::start(db).await;
    process::run(&server.database, &["config", "check", "--config", path]).await;
    write("post.json", "{ \"type\": ");
    let refused = process::fail(&server.database, &["config", "check", "--config", path]).await;
    assert!(refused.contains("collections.posts.schema_file") && refused.contains("post.json"), "{refused}");
    write("keyward.toml", "[collections.posts]\nschema_file = \"missing.json\"");
    let refused = process::fail(&server.database, &["config", "check", "--config", path]).await;
    assert!(refused.contains("missing.json"), "{refused}");
}
