//! The pinned packages of `tests/firebase`, and a browser. What is missing fails the test, and is named.

use crate::support::npm;
use std::path::PathBuf;
use std::process::Command;

/// A directory with the scripts and `node_modules`.
pub async fn installed() -> PathBuf {
    npm::installed("tests/firebase").await
}

/// The browser's name.
pub fn chromium() -> &'static str {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    found.unwrap_or_else(|| {
        panic!("Chromium is missing: scripts/setup.sh firebase installs it (apt-get install chromium)")
    })
}
