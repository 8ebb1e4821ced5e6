//! Files that only their owner may read.

use crate::support::database::TestDatabase;
use crate::support::process::{self, Keyward};
use crate::support::tenant::User;
use crate::support::{Backend, Server, environment, tests_once};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

tests_once![
    sqlites_files_are_their_owners_wherever_they_are_made,
    sqlites_files_that_others_can_read_are_tightened,
    a_demo_password_that_others_can_read_is_tightened,
];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o666)).expect("the mode");
}

/// SQLite's files while servers use them.
fn files(database: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| PathBuf::from(format!("{}{ending}", database.display())))
}

async fn sqlites_files_are_their_owners_wherever_they_are_made() {
    let folder = TempDir::new_in(environment::directory()).expect("a directory");
    // A folder that others may read, as a volume's usually is.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the mode");
    let path = folder.path().join("keyward.db");
    let mut migrate = process::command(&["migrate"]);
    migrate.env("DATABASE_URL", format!("sqlite://{}", path.display()));
    assert!(process::output(migrate).await.status.success());
    assert_eq!(mode(&path), 0o600);

    let fresh = folder.path().join("fresh.db");
    let database = Arc::new(TestDatabase::elsewhere(format!("sqlite://{}", fresh.display())));
    let node = Keyward::serve(database, "").await;
    User::sign_up(&node).await;
    for file in files(&fresh) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

async fn sqlites_files_that_others_can_read_are_tightened() {
    let server = Server::start(Backend::Sqlite).await;
    User::sign_up(&server).await;
    let database = server.database.sqlite_file().expect("SQLite");
    files(&database).iter().for_each(|file| open_to_all(file));
    let second = server.another(|_| {}).await;
    User::sign_up(&second).await;
    for file in files(&database) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

async fn a_demo_password_that_others_can_read_is_tightened() {
    let folder = TempDir::new_in(environment::directory()).expect("a directory");
    let password = folder.path().join("data/demo-password");
    let database =
        Arc::new(TestDatabase::elsewhere(format!("sqlite://{}", folder.path().join("data/keyward.db").display())));
    let demo = async || {
        let mut command = process::command(&["demo", "--listen", "127.0.0.1:0"]);
        command.current_dir(folder.path()).env("KEYWARD__LOG__FORMAT", "json").env("KEYWARD__LOG__FILTER", "info");
        Keyward::start(command, database.clone()).await.get("/healthz").send().await.expect(200);
    };
    fs::create_dir(folder.path().join("data")).expect("a folder");
    fs::write(&password, "of another demo\n").expect("written");
    open_to_all(&password);
    demo().await;
    assert_eq!(mode(&password), 0o600);
    let made = fs::read_to_string(&password).expect("a password");
    assert_ne!(made, "of another demo\n");
    open_to_all(&password);
    demo().await;
    assert_eq!((mode(&password), fs::read_to_string(&password).expect("a password")), (0o600, made));
}
