//! The guide of self-hosting, from an empty machine to the first key of a customer: its commands, as they stand there.

use crate::support::process::command;
use crate::support::{environment, secrets, tests_once};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

tests_once![the_commands_of_the_guide_lead_to_a_customers_first_key];

/// systemd's part: it starts the unit's command in the unit's directory.
const SYSTEMCTL: &str = r#"
systemctl() {
    if [ "$1" = enable ]; then
        (cd "$ROOT/var/lib/keyward" && exec keyward serve --config "$ROOT/etc/keyward/keyward.toml" 2> "$ROOT/log") &
        trap "kill $!; wait $!" EXIT
    fi
}
"#;

/// The shell blocks of a chapter.
fn blocks(chapter: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations/self-hosting.md");
    let page = fs::read_to_string(page).expect("the guide");
    let (_, rest) = page.split_once(&format!("\n## {chapter}\n")).expect("the chapter");
    let chapter = rest.split("\n## ").next().expect("its text");
    let blocks = chapter.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("its end"));
    blocks.collect()
}

async fn the_commands_of_the_guide_lead_to_a_customers_first_key() {
    let root = TempDir::new_in(environment::directory()).expect("a directory");
    let place = root.path().to_str().expect("a plain path");
    for folder in ["bin", "etc/systemd/system", "var/lib/keyward"] {
        fs::create_dir_all(root.path().join(folder)).expect("a folder");
    }
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let commands = blocks("One machine");
    let mut script = format!("set -eu\n{SYSTEMCTL}\n{commands}");
    for (there, here) in [
        ("target/release/keyward", env!("CARGO_BIN_EXE_keyward").to_owned()),
        ("/usr/local/bin/", format!("{place}/bin/")),
        ("/etc/", format!("{place}/etc/")),
        ("/var/lib/", format!("{place}/var/lib/")),
        ("127.0.0.1:8080", free.to_string()),
    ] {
        assert!(commands.contains(there), "{there} is not in the guide any more");
        script = script.replace(there, &here);
    }
    script = script.replace(&format!("$ROOT{place}"), "$ROOT");
    let mut shell = Command::new("bash");
    for (name, value) in command(&[]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = std::env::var("PATH").expect("a PATH");
    shell.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).env("ROOT", place);
    shell.env("PATH", format!("{place}/bin:{path}")).env("KEYWARD__METRICS__LISTEN", "");
    let done = tokio::task::spawn_blocking(move || shell.output()).await.expect("no panic").expect("bash runs");
    let (printed, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let log = fs::read_to_string(root.path().join("log")).unwrap_or_default();
    assert!(done.status.success(), "{printed}\n{errors}\n{log}");
    let link = printed.lines().find(|line| line.contains("oobCode=")).expect("a link");
    secrets::register(link.rsplit('=').next().expect("a code"));
    assert!(link.starts_with("https://api.example.com/__/auth/action?mode=resetPassword"), "{link}");
    let whoami: Value = serde_json::from_str(printed.lines().last().expect("an answer")).expect("JSON");
    assert!(whoami.to_string().contains("First key"), "{whoami}");
}
