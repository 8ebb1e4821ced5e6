//! The pinned tools of `tests/openapi`, which `make setup-openapi` installs. What is missing fails the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of the tests: configuration of the tools, and programs that drive clients.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi")
}

/// Where the tools are installed.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let directory = target.join("openapi");
    for (lock, stamp) in
        [("requirements.txt", "venv/installed.txt"), ("package-lock.json", "node_modules/installed.json")]
    {
        let wanted = fs::read(sources().join(lock)).expect("a lock file");
        assert!(
            fs::read(directory.join(stamp)).is_ok_and(|there| there == wanted),
            "the tools of tests/openapi/{lock} are not installed: `make setup-openapi` installs them"
        );
    }
    directory
}

/// A fresh directory below the installed packages, so that programs in it find them.
pub fn workshop(name: &str) -> PathBuf {
    let directory = installed().join("work").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("an earlier run's directory goes");
    }
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// A program of the Python packages.
pub fn python(name: &str) -> Command {
    let programs = installed().join("venv/bin");
    let mut command = Command::new(programs.join(name));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A program of the Node.js packages.
pub fn node(name: &str) -> Command {
    let mut command = Command::new("node");
    let programs = installed().join("node_modules/.bin");
    command.arg(fs::canonicalize(programs.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")));
    // Redocly's linter would ask for its newest version.
    command.env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true").env("REDOCLY_TELEMETRY", "off").env("CI", "true");
    command
}

/// Runs a program to its end, and gives what it printed. It must succeed.
pub async fn run(mut command: Command) -> String {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = output.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{shown} failed:\n{out}\n{errors}");
    out
}
