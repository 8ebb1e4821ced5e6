//! Node.js, and packages from their lock files. What is missing fails the test, and is named.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Where each source directory was installed in this run.
static INSTALLED: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());
/// What npm and compilers make; of no interest, and large.
const MADE: [&str; 3] = ["node_modules", "dist", "build"];

/// A copy of this directory of the sources, with `node_modules` as its lock file says: installed at the first call, and
/// after a change of the lock file. The sources themselves stay clean.
pub async fn installed(sources: &'static str) -> PathBuf {
    let install = || {
        let mut installed = INSTALLED.lock().map_err(|_| "an earlier installation failed")?;
        if !installed.contains_key(sources) {
            installed.insert(sources, install(sources)?);
        }
        installed.get(sources).cloned().ok_or_else(|| "it was just installed".to_owned())
    };
    tokio::task::spawn_blocking(install).await.expect("installing does not panic").unwrap_or_else(|why| panic!("{why}"))
}

fn install(sources: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm").join(sources);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
    let say = |error: io::Error| format!("{}: {error}", target.display());
    copy(&sources, &target).map_err(say)?;
    let (done, lock) = (target.join("node_modules/installed.json"), sources.join("package-lock.json"));
    let lock = fs::read(lock).map_err(say)?;
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(target);
    }
    for program in ["node", "npm"] {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(format!(
                "{program} is missing: scripts/setup.sh node installs it (apt-get install nodejs npm)"
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

/// Copies files and directories, and removes what an earlier copy has too many.
fn copy(sources: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        let is_made = MADE.iter().any(|name| entry.file_name() == *name);
        if is_made || sources.join(entry.file_name()).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    for entry in fs::read_dir(sources)? {
        let entry = entry?;
        if MADE.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let copied = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), copied)?;
        }
    }
    Ok(())
}
