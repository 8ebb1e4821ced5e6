//! What a script can rely on: exit codes, and messages on standard error.

use super::answers::Answers;
use super::home::Home;
use crate::support::{Backend, Server, Tenant, environment, process, secrets, tests, tests_once};
use keyward::base::error::style::Style;
use serde_json::json;

const KEY: &str = "sk_live_unreachable4f9TzqKb2LwYx7RmVc";

tests![
    refusals_have_codes_messages_and_the_requests_id,
    a_revoked_key_is_no_key,
    a_word_that_is_neither_command_nor_collection_is_explained,
    the_servers_error_style_does_not_matter,
];
tests_once![
    nothing_is_sent_without_a_key,
    a_server_that_can_not_be_reached_or_is_none,
    the_help_lists_the_exit_codes,
    wrong_arguments_are_refused_before_anything_is_sent,
];

async fn refusals_have_codes_messages_and_the_requests_id(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let forbidden = home.run(&["get", "organizations"]).await.expect(5);
    forbidden.saying(&["keyward: 403 credential_not_accepted: ", "(request req_"]);
    home.run(&["get", "nothing"]).await.expect(6).saying(&["keyward: 404 not_found: ", "(request req_"]);
    home.run(&["members", "mem_1", "--json"]).await.expect(6);
    let root = home.run(&["whoami", "--url", &server.url("")]).await.expect(6);
    root.saying(&["has no base path: it usually ends in /v1"]);
}

async fn a_revoked_key_is_no_key(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    home.run(&["members"]).await.expect(0);
    server.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    for arguments in [["members", "--json"], ["whoami", "--json"]] {
        home.run(&arguments).await.expect(4).saying(&["keyward: 401 api_key_revoked: ", "(request req_"]);
    }
}

async fn a_word_that_is_neither_command_nor_collection_is_explained(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let unknown = home.run(&["migrat"]).await.expect(6);
    unknown.saying(&["404 not_found", "neither a command nor a collection named \"migrat\"", "`keyward migrate`?"]);
    let unlike = home.run(&["zebras"]).await.expect(6).saying(&["named \"zebras\"", "`keyward help`"]);
    assert!(!unlike.err.contains("Did you mean"), "{unlike:?}");
    // The options of the command that was meant are no options of a collection.
    home.run(&["subscripton", "set", "--status", "active"]).await.expect(2).saying(&["`keyward subscription`?"]);
    let none = Home::new().run(&["migrat"]).await.expect(3);
    none.saying(&["there is no API key", "neither a command nor a collection", "`keyward migrate`?"]);
}

async fn the_servers_error_style_does_not_matter(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let styles =
        [(Style::Flat, "404: There"), (Style::Titled, "404: Not found: There"), (Style::Problem, "404 not_found")];
    for (style, words) in styles {
        let node = server.another(|config| config.errors.style = style).await;
        let home = Home::configured(&node.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
        home.run(&["get", "nothing"]).await.expect(6).saying(&[words, "(request req_"]);
    }
}

async fn nothing_is_sent_without_a_key() {
    let home = Home::new();
    for arguments in [["whoami"].as_slice(), &["get", "members"], &["members", "--json"]] {
        home.run(arguments).await.expect(3).saying(&["keyward configure --key", "KEYWARD_API_KEY"]);
    }
}

async fn a_server_that_can_not_be_reached_or_is_none() {
    secrets::register(KEY);
    let mut home = Home::new();
    home.set("KEYWARD_API_KEY", KEY);
    home.set("KEYWARD_URL", "http://127.0.0.1:1/v1");
    let words = ["http://127.0.0.1:1/v1 does not answer", "refused", "KEYWARD_URL"];
    home.run(&["whoami", "--json"]).await.expect(8).saying(&words);
    for (status, body) in [("200 OK", "<h1>Hello</h1>"), ("500 Internal Server Error", "<h1>Oh</h1>")] {
        let server = Answers::start(&[(status, "", body)]);
        home.set("KEYWARD_URL", &server.url());
        let failed = home.run(&["members"]).await.expect(8);
        assert!(!failed.err.contains("<h1>"), "{failed:?}");
    }
    // The key goes nowhere else.
    let elsewhere = Answers::start(&[("200 OK", "", "{}")]);
    let moved = Answers::start(&[("302 Found", &format!("Location: {}", elsewhere.url()), "")]);
    home.set("KEYWARD_URL", &moved.url());
    home.run(&["whoami"]).await.expect(1).saying(&["302"]);
    assert_eq!((moved.requests(), elsewhere.requests()), (1, 0));
}

async fn the_help_lists_the_exit_codes() {
    let home = Home::new();
    for arguments in [["whoami", "--help"], ["get", "--help"], ["members", "--help"]] {
        let help = home.run(&arguments).await.expect(0);
        for words in ["Exit codes:", "  4  401", "  8  the server failed", "KEYWARD_WORKSPACE_ID", "--json"] {
            assert!(help.out.contains(words), "{words} is not in {help:?}");
        }
    }
    let mut command = process::command(&["--help"]);
    command.current_dir(environment::directory());
    let help = process::output(command).await;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(["configure", "whoami", "get", "keyward NAME"].iter().all(|word| help.contains(word)), "{help}");
}

async fn wrong_arguments_are_refused_before_anything_is_sent() {
    secrets::register(KEY);
    let server = Answers::start(&[("200 OK", "", "{}")]);
    let mut home = Home::new();
    home.set("KEYWARD_API_KEY", KEY);
    home.set("KEYWARD_URL", &server.url());
    for arguments in [
        ["get"].as_slice(),
        &["get", "../healthz"],
        &["get", "members", "--page-size", "0"],
        &["get", "members", "--page-size", "101"],
        &["get", "members", "--filter", "role"],
        &["get", "members", "--filter", "cursor=x"],
        &["members", "--unknown"],
        &["a b"],
        &["whoami", "--retries", "1000"],
        &["whoami", "--workspace", "x"],
    ] {
        home.run(arguments).await.expect(2);
    }
    assert_eq!(server.requests(), 0);
}
