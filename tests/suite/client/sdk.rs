//! The TypeScript SDK: built, type-checked, and run against a server whose keys manage keys.

use super::home::Home;
use crate::support::process::Keyward;
use crate::support::{Backend, Server, Tenant, environment, npm, secrets, tests, tests_once};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;

tests![the_sdk_works_as_documented_against_the_socifyr_preset];
tests_once![its_types_are_those_of_the_committed_document, its_own_tests_pass];

/// The preset, and a resource of Socifyr's that the documentation reads.
const SOCIFYR: &str = r#"
preset = "socifyr"
[collections.connections]
filter_by = ["network"]
sort_by = ["handle"]
[collections.connections.schema]
type = "object"
required = ["network"]
properties = { network = { type = "string" }, handle = { type = "string" } }
"#;

static BUILT: OnceCell<PathBuf> = OnceCell::const_new();

/// The SDK with its packages and, where its scripts look for it, the OpenAPI document.
async fn installed() -> PathBuf {
    let sdk = npm::installed("clients/typescript").await;
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/keyward.json");
    let copy = sdk.join("../../openapi");
    std::fs::create_dir_all(&copy).expect("a directory");
    std::fs::copy(document, copy.join("keyward.json")).expect("the document can be copied");
    sdk
}

/// The SDK and its tests, compiled once.
async fn built() -> &'static Path {
    BUILT
        .get_or_init(async || {
            let sdk = installed().await;
            npm_run(&sdk, "build-tests", &[]).await;
            sdk
        })
        .await
}

async fn npm_run(sdk: &Path, script: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).current_dir(sdk).envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("npm runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "npm run {script} failed:\n{out}\n{errors}");
}

async fn its_types_are_those_of_the_committed_document() {
    // If this fails: `make openapi`.
    npm_run(&installed().await, "check-generated", &[]).await;
}

async fn its_own_tests_pass() {
    npm_run(built().await, "unit", &[]).await;
}

async fn the_sdk_works_as_documented_against_the_socifyr_preset(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let colleague = tenant.add_to_workspace("editor").await;
    // Its keys look different, so the first one is made at the preset's own server.
    let socifyr = Keyward::serve(server.database.clone(), SOCIFYR).await;
    let path = format!("/api/workspaces/{}/api-keys", tenant.workspace_id);
    let made = socifyr.post(&path).bearer(&tenant.owner.id_token).json(json!({ "label": "First" })).send().await;
    let key = made.expect(201).text_at("/plaintext");
    let home = Home::configured(&socifyr.url("/api"), &key, &tenant.workspace_id).await;
    let seen = NamedTempFile::new_in(environment::directory()).expect("a file");
    let variables = [
        ("KEYWARD_URL", socifyr.url("/api")),
        ("KEYWARD_API_KEY", key.clone()),
        ("KEYWARD_WORKSPACE_ID", tenant.workspace_id.clone()),
        ("COLLEAGUE", colleague.user_id),
        // What it sees and the suite does not, so that the log is searched for it.
        ("SECRETS", seen.path().display().to_string()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    npm_run(built().await, "test-against-server", &variables).await;
    let seen = std::fs::read_to_string(seen.path()).expect("text");
    assert!(seen.lines().count() >= 3, "the tests made keys");
    seen.lines().for_each(secrets::register);
    // What it left is read by the command line.
    let left = socifyr.get("/api/connections").bearer(&key).send().await.expect(200);
    let printed = home.run(&["connections", "--json"]).await.expect(0);
    assert_eq!(printed.out, format!("{}\n", left.text));
    let id = left.text_at("/data/0/id");
    let one = home.run(&["connections", &id]).await.expect(0);
    assert!(one.out.contains("network    mastodon\n"), "{one:?}");
    let sorted =
        home.run(&["connections", "--filter", "network=mastodon", "--sort", "-handle", "--all", "--json"]).await;
    let sorted = sorted.expect(0).json();
    assert_eq!([&sorted["data"][0]["handle"], &sorted["data"][1]["handle"]], ["@b", "@a"]);
}
