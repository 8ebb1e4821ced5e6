//! What keeps Keyward from a start, and what it says then.

use crate::support::database::TestDatabase;
use crate::support::process::{command_on, fail, output};
use crate::support::{Backend, tests_once};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

tests_once![an_address_that_is_in_use_is_refused_with_a_hint, make_says_how_to_get_rust];

async fn an_address_that_is_in_use_is_refused_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let database = TestDatabase::create(Backend::Sqlite);
    let said = fail(&database, &["serve", "--listen", &address]).await;
    for part in [&*address, "another process", "--listen", "server.listen"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let mut command = command_on(&database, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("KEYWARD__METRICS__LISTEN", &address);
    let said = output(command).await;
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && errors.contains("metrics.listen") && errors.contains(&address), "{errors}");
}

async fn make_says_how_to_get_rust() {
    let programs = tempfile::tempdir().expect("a directory");
    let path = std::env::var("PATH").expect("a PATH");
    let find = |name: &str| path.split(':').map(|folder| Path::new(folder).join(name)).find(|file| file.exists());
    for name in ["make", "sh", "bash", "env", "dirname", "uname", "id"] {
        symlink(find(name).unwrap_or_else(|| panic!("{name} is needed")), programs.path().join(name)).expect("a link");
    }
    for target in ["run", "test", "install"] {
        let mut make = Command::new(programs.path().join("make"));
        make.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", programs.path()).env_remove("MAKEFLAGS");
        let said = make.output().expect("make runs");
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && errors.contains("https://rustup.rs"), "{target}: {errors}");
        assert!(!errors.contains("No such file"), "{target}: {errors}");
    }
}
