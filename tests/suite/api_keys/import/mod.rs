//! Keys that move: in from elsewhere, and from one Keyward to another.

mod formats;
mod report;
mod round_trip;

use crate::support::harness::Test;
use crate::support::{Server, environment, process, secrets};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::process::{Output, Stdio};
use tempfile::NamedTempFile;

pub fn tests() -> Vec<Test> {
    [formats::tests(), report::tests(), round_trip::tests()].into_iter().flatten().collect()
}

/// What the operator's configuration says of imported keys.
const IMPORTED: &str =
    r#"[{ prefix = "acme_", min_length = 8, max_length = 40 }, { prefix = "", min_length = 64, max_length = 64 }]"#;

/// A server that takes keys of these formats for keys, too.
async fn server(db: crate::support::Backend) -> Server {
    Server::with(db, |config| {
        for (prefix, min_length, max_length) in [("acme_", 8, 40), ("", 64, 64)] {
            let prefix = prefix.to_owned();
            config.keys.imported.push(keyward::base::config::ImportedKeys { prefix, min_length, max_length });
        }
    })
    .await
}

/// A file of the suite's, of these lines.
fn file(ending: &str, lines: &[String]) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix_in(ending, environment::directory()).expect("a file");
    file.write_all((lines.join("\n") + "\n").as_bytes()).expect("written");
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a plain path")
}

/// `keyward keys …`; its output, whatever came of it.
async fn keys(server: &Server, arguments: &[&str]) -> Output {
    let mut command = process::command_on(&server.database, &[&["keys"], arguments].concat());
    command.env("KEYWARD__KEYS__IMPORTED", IMPORTED).env("USER", "ops").env_remove("SUDO_USER");
    process::output(command).await
}

/// The same, with something on standard input.
async fn keys_from_input(server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut command = process::command_on(&server.database, &[&["keys"], arguments].concat());
    command.env("KEYWARD__KEYS__IMPORTED", IMPORTED);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic").expect("an end")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", out(output), err(output));
    out(output)
}

#[track_caller]
fn failed(output: &Output) -> String {
    assert!(!output.status.success(), "{}{}", out(output), err(output));
    err(output)
}

/// A text that was never anybody's key, and may not get into the log.
fn foreign(prefix: &str, length: usize) -> String {
    let body: String = (0..length).map(|_| char::from(b'a' + rand::random_range(0..26_u8))).collect();
    let key = format!("{prefix}{body}");
    secrets::register(&key);
    key
}

fn sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
