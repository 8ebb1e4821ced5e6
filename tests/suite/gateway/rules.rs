//! `[gateway]`: permissions by the method and the path of the proxy's client.

use crate::support::database::TestDatabase;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::{Config, MethodPermissions};
use keyward::base::policy::Permission;
use serde_json::json;

tests![
    the_method_and_the_path_decide_what_a_key_needs,
    the_query_and_the_rules_must_both_hold,
    a_question_that_does_not_say_what_is_requested_is_refused,
    a_clients_query_that_the_proxy_appends_is_ignored,
];

fn methods(pairs: &[(&str, Permission)]) -> MethodPermissions {
    pairs.iter().map(|(method, permission)| ((*method).to_owned(), permission.as_str().to_owned())).collect()
}

/// Reading for readers, and `/admin` for admins.
pub fn configure(config: &mut Config) {
    let (read, write) = (Permission::ContentRead, Permission::ContentWrite);
    config.gateway.methods = methods(&[("GET", read), ("HEAD", read), ("*", write)]);
    config.gateway.paths = [("/admin".to_owned(), methods(&[("*", Permission::WorkspaceManage)]))].into();
}

async fn the_method_and_the_path_decide_what_a_key_needs(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let admins = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let editors = tenant.create_key(&editor, json!({})).await.plaintext;
    let read_only = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await.plaintext;
    for _ in 0..2 {
        for (key, method, uri, status) in [
            (&read_only, "GET", "/things?page=2", 200),
            (&read_only, "HEAD", "/", 200),
            (&read_only, "POST", "/things", 403),
            (&read_only, "get", "/things", 403),
            (&read_only, "OPTIONS", "/things", 403),
            (&read_only, "GET", "/%61dmin", 403),
            (&editors, "POST", "/things", 200),
            (&editors, "GET", "/administrators", 200),
            (&editors, "GET", "/admin", 403),
            (&editors, "GET", "/admin/users?x=/things", 403),
            (&admins, "DELETE", "/admin/users", 200),
            (&admins, "GET", "/things/../admin", 400),
            (&admins, "GET", "//admin", 400),
        ] {
            let question = server.get("/v1/forward-auth").bearer(key).header("x-forwarded-method", method);
            question.header("x-forwarded-uri", uri).send().await.expect(status);
        }
    }
}

async fn the_query_and_the_rules_must_both_hold(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await.plaintext;
    for (permission, uri, status) in [
        ("content:write", "/things", 200),
        ("workspace:manage", "/things", 403),
        ("content:read", "/admin", 403),
        ("content:read", "/things", 200),
    ] {
        let question = server.get(&format!("/v1/forward-auth?permission={permission}")).bearer(&key);
        let question = question.header("x-forwarded-method", "POST").header("x-forwarded-uri", uri);
        question.send().await.expect(status);
    }
}

async fn a_question_that_does_not_say_what_is_requested_is_refused(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let ask = |headers: &[(&str, &str)]| {
        let question = server.get("/v1/forward-auth").bearer(&key);
        headers.iter().fold(question, |question, (name, value)| question.header(name, value)).send()
    };
    let before = dump(&server.database);
    for (headers, missing) in
        [(&[("x-forwarded-uri", "/")][..], "X-Forwarded-Method"), (&[("x-forwarded-method", "GET")], "X-Forwarded-Uri")]
    {
        let message = ask(headers).await.expect_error(400, "bad_request").text_at("/error/message");
        assert!(message.contains(missing) && message.contains("[gateway]"), "{message}");
    }
    let twice = [("x-forwarded-method", "GET"), ("x-forwarded-method", "POST"), ("x-forwarded-uri", "/")];
    ask(&twice).await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    // A rule that forgets a method stops the start.
    let database: &std::sync::Arc<TestDatabase> = &server.database;
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    for (text, reason) in [
        ("methods = { GET = \"content:read\" }", "gateway.methods: must have \"*\""),
        ("methods = { \"*\" = \"content:delete\" }", "must be one of: workspace:read"),
        ("paths = { admin = { \"*\" = \"content:read\" } }", "gateway.paths: \"admin\" must be the start of a path"),
        ("path = {}", "gateway.path"),
    ] {
        std::fs::write(file.path(), format!("[gateway]\n{text}\n")).expect("a file");
        let sources = keyward::base::config::Sources {
            file: Some(file.path().to_owned()),
            database_url: Some(database.connection_url()),
            ..Default::default()
        };
        let told = keyward::base::config::load(&sources).expect_err("a refusal");
        assert!(told.contains(reason), "{told}");
    }
}

async fn a_clients_query_that_the_proxy_appends_is_ignored(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "scope": "read_only" })).await.plaintext;
    for (query, uri, status) in [
        ("page=2&name=%C3%A4&page=3", "/things?page=2&name=%C3%A4&page=3", 200),
        ("permission=content:read&page=2", "/things?page=2", 200),
        ("permission=content:write&page=2", "/things?page=2", 403),
        // The client's own one takes nothing from what the proxy asks.
        ("permission=content:write", "/things?permission=content:write", 403),
        ("permission=content:write&permission=content:read", "/things?permission=content:read", 400),
        // A mistake of the operator is no parameter of the client.
        ("permissions=content:write", "/things?page=2", 400),
    ] {
        let question = server.get(&format!("/v1/forward-auth?{query}")).bearer(&key);
        question.header("x-forwarded-uri", uri).send().await.expect(status);
    }
}
