//! Node.js, the pinned packages of `tests/firebase`, and a browser. What is missing fails the test, and is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

static INSTALLING: Mutex<()> = Mutex::new(());

/// A directory with the scripts and `node_modules`, installed at the first call and after a change of the lock file.
pub async fn installed() -> PathBuf {
    tokio::task::spawn_blocking(install).await.expect("installing does not panic").unwrap_or_else(|why| panic!("{why}"))
}

fn install() -> Result<PathBuf, String> {
    let _one_at_a_time = INSTALLING.lock().map_err(|_| "an earlier installation failed")?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firebase");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firebase");
    let done = target.join("installed.json");
    let say = |error: std::io::Error| format!("{}: {error}", target.display());
    fs::create_dir_all(&target).map_err(say)?;
    for file in ["package.json", "package-lock.json", "sdk.mjs", "page.html"] {
        fs::copy(sources.join(file), target.join(file)).map_err(say)?;
    }
    let lock = fs::read(sources.join("package-lock.json")).map_err(say)?;
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(target);
    }
    for program in ["node", "npm"] {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(format!(
                "{program} is missing: scripts/setup.sh firebase installs it (apt-get install nodejs npm)"
            ));
        }
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&target);
    let output = npm.output().map_err(say)?;
    if !output.status.success() {
        return Err(format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    fs::write(&done, lock).map_err(say)?;
    Ok(target)
}

/// The browser's name.
pub fn chromium() -> &'static str {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    found.unwrap_or_else(|| {
        panic!("Chromium is missing: scripts/setup.sh firebase installs it (apt-get install chromium)")
    })
}
