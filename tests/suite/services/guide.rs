//! The commands of `docs/guides/backend.md`, as they stand.

use crate::support::process;
use crate::support::{Backend, Server, environment, secrets, tests};
use std::path::Path;
use std::process::{Command, Stdio};

tests![the_ten_lines_of_the_guide_make_a_tenant_a_user_and_a_key_that_is_valid];

/// The commands below a heading.
fn commands_under(heading: &str) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/backend.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let (_, section) = guide.split_once(heading).unwrap_or_else(|| panic!("no {heading} in the guide"));
    let (_, block) = section.split_once("```sh\n").expect("commands");
    block.split_once("```").expect("an end").0.to_owned()
}

async fn the_ten_lines_of_the_guide_make_a_tenant_a_user_and_a_key_that_is_valid(db: Backend) {
    let server = Server::start(db).await;
    let made = commands_under("## Make a service token").replace("\\\n", " ");
    let arguments: Vec<&str> = made.split_whitespace().skip(1).collect();
    assert!(made.starts_with("keyward service-token create"), "{made}");
    let printed = process::run(&server.database, &arguments).await;
    let token = printed.lines().nth(1).expect("the token").to_owned();
    secrets::register(&token);
    let session = commands_under("## Portal sessions").replace("curl -s ", "curl -sf ");
    let tenant = commands_under("## In ten lines");
    assert!(tenant.lines().count() <= 10, "{tenant}");
    let script = format!("set -eu\n{tenant}\necho \"$KEY\"\n{session}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(environment::directory()).stdin(Stdio::null());
    shell.env("HOST", server.url("")).env("TOKEN", &token);
    let output = tokio::task::spawn_blocking(move || shell.output()).await.expect("no panic").expect("bash runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    let lines: Vec<&str> = out.lines().collect();
    let [code, key, session] = lines[..] else { panic!("{out}") };
    secrets::register(key);
    let session: serde_json::Value = serde_json::from_str(session).expect("JSON");
    secrets::register(session["token"].as_str().expect("a token"));
    assert_eq!(code, "VALID");
    let whoami = server.get("/v1/whoami").bearer(key).send().await.expect(200);
    assert_eq!((&whoami["role"], &whoami["name"]), (&"admin".into(), &"CI".into()));
}
