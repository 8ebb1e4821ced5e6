//! Keyward's pages in a real browser: the scripts of `tests/browser`, by Playwright and the Chromium of this machine.
//! Without a browser the tests fail.

mod docs_page;
mod mailed_pages;
mod swagger;

use crate::firebase::packages::chromium;
use crate::support::harness::Test;
use crate::support::npm;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

pub fn tests() -> Vec<Test> {
    [swagger::tests_once(), docs_page::tests_once(), mailed_pages::tests()].into_iter().flatten().collect()
}

/// Runs a script of `tests/browser` with this input, and returns what it printed.
async fn run(script: &'static str, mut input: Value) -> Value {
    let packages = npm::installed("tests/browser").await;
    input["chromium"] = chromium().into();
    let work = move || {
        let mut node = Command::new("node");
        node.arg(script).current_dir(packages).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut node = node.spawn().expect("node starts");
        // Dropped behind the statement, so that the script sees its end.
        node.stdin.take().expect("a pipe").write_all(input.to_string().as_bytes()).expect("the input is written");
        node.wait_with_output().expect("node ends")
    };
    let output = tokio::task::spawn_blocking(work).await.expect("no panic");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} failed: {errors}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{script}: {error}: {out}"))
}
