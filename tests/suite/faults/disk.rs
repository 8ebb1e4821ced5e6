//! [`Disk`]: a small file system that a test fills up, without being root.

use crate::support::environment;
use crate::support::keeper::Keeper;
use crate::support::process;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What a namespace for mounts takes: nothing more for root, and one for users, where others may have one.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--mount", "--user", "--map-root-user"]];
const MOUNT: &str = r#"mount -t tmpfs -o size=12m tmpfs "$1" && touch "$1/ready" && exec sleep 100000"#;

/// A tmpfs of 12 MiB, in a mount namespace of its own: it goes with the last process there, however the test ends.
pub struct Disk {
    keeper: Keeper,
    is_users: bool,
    directory: TempDir,
}

impl Disk {
    /// Mounts it.
    ///
    /// # Panics
    /// Where neither root nor a user may have a namespace for mounts.
    pub async fn mount() -> Self {
        let is_allowed = |way: &&&[&str]| {
            Command::new("unshare").args(**way).arg("true").output().is_ok_and(|output| output.status.success())
        };
        let way = WAYS.iter().find(is_allowed).expect(
            "no namespace for mounts: `unshare --mount --user --map-root-user true` fails. Install util-linux, and run \
             as root or allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
        );
        let directory = TempDir::new_in(environment::directory()).expect("a directory");
        let place = directory.path().to_str().expect("a plain path");
        let keeper = Keeper::start("unshare", &[way, &["sh", "-c", MOUNT, "sh", place][..]].concat());
        let disk = Self { keeper, is_users: way.len() > 1, directory };
        let mut tries = 0;
        while !disk.seen("ready").exists() {
            tries += 1;
            assert!(tries < 500, "the tmpfs was not mounted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        disk
    }

    /// A file's path, as processes in the namespace have it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same file's path from outside. SQLite can't use it, since it resolves links itself.
    pub fn seen(&self, name: &str) -> PathBuf {
        let inside = self.path(name);
        let inside = inside.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.keeper.process_id()).join("root").join(inside)
    }

    /// The command, run where this disk is.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--mount", "--target", self.keeper.process_id()]);
        if self.is_users {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        process::take_environment(&mut inside, command);
        inside
    }

    /// Takes what is left of it.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.seen("filler")).expect("a file");
        let mut piece = 64 * 1024;
        while piece > 0 {
            if filler.write_all(&vec![0; piece]).is_err() {
                piece /= 2;
            }
        }
    }

    /// Gives it back.
    pub fn free(&self) {
        std::fs::remove_file(self.seen("filler")).expect("it was filled");
    }
}
