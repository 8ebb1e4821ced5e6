//! `keyward configure`

use super::home::Home;
use crate::support::{Backend, Server, Tenant, secrets, tests, tests_once};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const KEY: &str = "sk_live_configured4f9TzqKb2LwYx7RmVc";
const WORKSPACE: &str = "ws_01k4w5c9q2e0vb7m3t8z6r1xhd";

tests![what_is_configured_is_used];
tests_once![
    the_file_is_for_its_owner_only_and_the_key_is_not_shown,
    a_key_can_come_from_standard_input,
    malformed_values_are_refused_and_change_nothing,
    a_file_that_others_may_read_or_that_is_malformed_is_refused,
];

async fn what_is_configured_is_used(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "CI" })).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let whoami = home.run(&["whoami"]).await.expect(0);
    assert!(whoami.out.contains(&key.id) && whoami.out.contains("permissions"), "{whoami:?}");
    // The workspace is sent along.
    let other = tenant.add_workspace("Staging").await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &other).await;
    home.run(&["whoami"]).await.expect(5).saying(&["403 workspace_mismatch: "]);
}

async fn the_file_is_for_its_owner_only_and_the_key_is_not_shown() {
    secrets::register(KEY);
    let home = Home::new();
    let configured = home.run(&["configure", "--key", KEY, "--workspace", WORKSPACE]).await.expect(0);
    assert!(configured.out.contains("sk_live_con...mVc") && configured.out.contains(WORKSPACE), "{configured:?}");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").mode() & 0o7777;
    let directory = home.file().parent().expect("a directory").to_owned();
    assert_eq!((mode(&home.file()), mode(&directory)), (0o600, 0o700));
    // Once more replaces it, and leaves no draft behind.
    home.run(&["configure", "--key", KEY, "--url", "https://api.example.com/api/v1/"]).await.expect(0);
    assert_eq!(fs::read_dir(directory).expect("a directory").count(), 1);
    let text = fs::read_to_string(home.file()).expect("text");
    assert!(text.contains(KEY) && text.contains("\"https://api.example.com/api/v1\"") && !text.contains(WORKSPACE));
    assert_eq!(mode(&home.file()), 0o600);
    let clear = home.run(&["configure", "--key", KEY, "--url", "http://api.example.com/v1"]).await.expect(0);
    assert!(clear.err.contains("not https"), "{clear:?}");
}

async fn a_key_can_come_from_standard_input() {
    secrets::register(KEY);
    let home = Home::new();
    home.run_reading(&["configure", "--key", "-"], &format!("{KEY}\n")).await.expect(0);
    assert!(fs::read_to_string(home.file()).expect("text").contains(KEY));
    home.run(&["configure", "--key", "-"]).await.expect(2).saying(&["standard input is empty"]);
    home.run_reading(&["configure", "--key", "-"], "two words\n").await.expect(2).saying(&["--key: an API key has"]);
    assert!(fs::read_to_string(home.file()).expect("text").contains(KEY));
}

async fn malformed_values_are_refused_and_change_nothing() {
    let home = Home::new();
    let key = "sk_live_with space in it";
    secrets::register(key);
    home.run(&["configure", "--key", key]).await.expect(2).saying(&["--key", "visible ASCII"]);
    home.run(&["configure", "--key", ""]).await.expect(2).saying(&["must not be empty"]);
    let workspace = home.run(&["configure", "--key", KEY, "--workspace", "Production"]).await.expect(2);
    workspace.saying(&["--workspace: must be an id such as ws_"]);
    for url in ["api.example.com", "https://user:secret@api.example.com/v1", "https://api.example.com/v1?x"] {
        let refused = home.run(&["configure", "--key", KEY, "--url", url]).await.expect(2);
        assert!(refused.err.contains("--url: must be") && !refused.err.contains("secret"), "{refused:?}");
    }
    home.run(&["configure"]).await.expect(2).saying(&["--key <KEY>"]);
    assert!(!home.file().exists());
}

async fn a_file_that_others_may_read_or_that_is_malformed_is_refused() {
    secrets::register(KEY);
    let home = Home::configured("http://127.0.0.1:1/v1", KEY, WORKSPACE).await;
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o640)).expect("chmod");
    home.run(&["whoami"]).await.expect(3).saying(&["chmod 600"]);
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o600)).expect("chmod");
    for (text, line) in [(format!("\napi_key = {KEY}\n"), "line 2"), (format!("apikey = \"{KEY}\"\n"), "line 1")] {
        fs::write(home.file(), text).expect("it can be written");
        home.run(&["whoami"]).await.expect(3).saying(&[line, "client.toml"]);
    }
    fs::write(home.file(), format!("api_key = \"{KEY}\"\nworkspace_id = \"x\"\n")).expect("it can be written");
    home.run(&["whoami"]).await.expect(3).saying(&["workspace_id: must be an id"]);
}
