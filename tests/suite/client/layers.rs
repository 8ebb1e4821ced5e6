//! Flags over the environment over the file.

use super::home::Home;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![the_environment_beats_the_file_and_flags_beat_both, a_key_is_not_sent_with_another_keys_workspace];

async fn the_environment_beats_the_file_and_flags_beat_both(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let [file, environment, flag] = ["file", "environment", "flag"].map(|name| json!({ "name": name }));
    let file = tenant.create_key(&tenant.owner, file).await;
    let environment = tenant.create_key(&tenant.owner, environment).await;
    let flag = tenant.create_key(&tenant.owner, flag).await;
    // A wrong URL in each layer but the one above shows that each is overridden on its own.
    let mut home = Home::configured(&server.url("/v1"), &file.plaintext, &tenant.workspace_id).await;
    let name = async |home: &Home, arguments: &[&str]| {
        let arguments = [&["whoami", "--json"], arguments].concat();
        home.run(&arguments).await.expect(0).json()["name"].as_str().expect("a name").to_owned()
    };
    assert_eq!(name(&home, &[]).await, "file");
    home.set("KEYWARD_API_KEY", &environment.plaintext);
    assert_eq!(name(&home, &[]).await, "environment");
    assert_eq!(name(&home, &["--key", &flag.plaintext]).await, "flag");
    home.set("KEYWARD_URL", &server.url("/elsewhere"));
    home.run(&["whoami"]).await.expect(6);
    assert_eq!(name(&home, &["--url", &server.url("/v1")]).await, "environment");
    // An empty variable says nothing.
    home.set("KEYWARD_API_KEY", "");
    home.set("KEYWARD_URL", "");
    assert_eq!(name(&home, &[]).await, "file");
    home.set("KEYWARD_URL", "nonsense");
    home.run(&["whoami"]).await.expect(3).saying(&["KEYWARD_URL: must be"]);
    home.run_reading(&["whoami", "--key", "-"], "too short").await.expect(2);
}

async fn a_key_is_not_sent_with_another_keys_workspace(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let other = tenant.add_workspace("Staging").await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let mut home = Home::configured(&server.url("/v1"), &key.plaintext, &other).await;
    home.run(&["whoami"]).await.expect(5).saying(&["workspace_mismatch"]);
    home.set("KEYWARD_API_KEY", &key.plaintext);
    home.run(&["whoami"]).await.expect(0);
    home.set("KEYWARD_WORKSPACE_ID", &other);
    home.run(&["whoami"]).await.expect(5).saying(&["workspace_mismatch"]);
    home.run(&["whoami", "--workspace", &tenant.workspace_id]).await.expect(0);
    home.run(&["whoami", "--key", &key.plaintext]).await.expect(0);
}
