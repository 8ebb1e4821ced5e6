//! A master secret that is replaced while nodes run.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::process::{command_on, output};
use crate::support::server::MASTER_SECRET;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use std::time::Duration;

tests![
    a_master_secret_is_replaced_while_nodes_run_and_nobody_is_signed_out,
    a_rotation_that_can_not_be_done_changes_nothing,
];

const NEW: &str = "0ddba11c0ffee0ddba11c0ffee0ddba11c0ffee0ddba11c0ffee0ddba11c0ffe";

/// Runs a command of `keyward identity` with these master secrets. `Ok` has what it printed, `Err` what it complained.
async fn identity(server: &Server, command: &str, secrets: &str) -> Result<String, String> {
    let mut command = command_on(&server.database, &["identity", command]);
    command.env("KEYWARD__IDENTITY__MASTER_SECRET", secrets);
    let output = output(command).await;
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in [NEW, MASTER_SECRET] {
        assert!(!out.contains(secret) && !errors.contains(secret));
    }
    if output.status.success() { Ok(out.into_owned()) } else { Err(errors.into_owned()) }
}

async fn a_master_secret_is_replaced_while_nodes_run_and_nobody_is_signed_out(db: Backend) {
    let old = Server::start(db).await;
    let early = User::sign_up(&old).await;
    // Each node restarts with both, the new one first.
    let one = old.another(|config| config.identity.master_secret = Some([NEW, MASTER_SECRET].into())).await;
    let two = old.another(|config| config.identity.master_secret = Some([NEW, MASTER_SECRET].into())).await;
    let both = format!("[\"{NEW}\", \"{MASTER_SECRET}\"]");
    let before = dump(&old.database)["signing_keys"].clone();
    let printed = identity(&old, "rotate-master-secret", &both).await.expect("done");
    assert!(printed.starts_with("done: 1 signing keys were sealed again"), "{printed}");
    assert_ne!(dump(&old.database)["signing_keys"], before);

    // All go on, before and after they read the rows again; a node with the old secret alone keeps what it has opened.
    for seconds in [0, 10] {
        old.clock.advance(Duration::from_secs(seconds));
        for node in [&old, &one, &two] {
            let user = User::sign_up(node).await;
            for other in [&old, &one, &two] {
                other.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
                other.get("/v1/me").bearer(&early.id_token).send().await.expect(200);
            }
        }
    }
    // A new signing key is sealed by the new secret.
    identity(&old, "rotate-key", &both).await.expect("a new key");
    old.clock.advance(Duration::from_secs(10));
    let late = User::sign_up(&one).await;
    let new = old.another(|config| config.identity.master_secret = Some(NEW.into())).await;
    for node in [&one, &two, &new] {
        node.get("/v1/me").bearer(&late.id_token).send().await.expect(200);
        node.get("/v1/me").bearer(&early.id_token).send().await.expect(200);
    }
    let refused = Server::try_on(&old.database, |_| {}).await.expect_err("the old secret opens nothing any more");
    assert!(refused.contains("another master secret"), "{refused}");

    let sealed = dump(&old.database);
    let again = identity(&old, "rotate-master-secret", &both).await.expect("nothing is left to do");
    assert!(again.starts_with("done: 0 signing keys"), "{again}");
    assert_unchanged(&sealed, &old.database);
}

async fn a_rotation_that_can_not_be_done_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    User::sign_up(&server).await;
    let before = dump(&server.database);
    let other = "ab".repeat(32);
    for (secrets, reason) in [
        (format!("\"{MASTER_SECRET}\""), "there is one master secret"),
        (format!("[\"{MASTER_SECRET}\"]"), "there is one master secret"),
        (format!("[\"{NEW}\", \"{other}\"]"), "another master secret"),
        ("[]".to_owned(), "identity.master_secret"),
        (format!("[\"{NEW}\", \"short\"]"), "identity.master_secret"),
    ] {
        let refused = identity(&server, "rotate-master-secret", &secrets).await.expect_err(reason);
        assert!(refused.contains(reason) && !refused.contains(&other), "{refused}");
    }
    assert_unchanged(&before, &server.database);
}
