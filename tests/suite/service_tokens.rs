//! Service tokens: made by the operator, kept as hashes, refused where people or programs are meant.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, process, secrets, tests};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

tests![
    a_service_token_is_printed_once_and_kept_as_its_sha256,
    a_service_token_is_no_person_and_no_program,
    a_revoked_a_mistyped_and_an_unknown_token_are_refused,
    the_last_use_of_a_token_is_listed,
    the_operators_commands_refuse_what_does_not_exist,
];

/// Makes one: its id and its text.
async fn create(server: &Server, name: &str) -> (String, String) {
    let printed = process::run(&server.database, &["service-token", "create", "--name", name]).await;
    let (id, token) = printed.trim().split_once('\n').expect("two lines");
    secrets::register(token);
    (id.to_owned(), token.to_owned())
}

async fn a_service_token_is_printed_once_and_kept_as_its_sha256(db: Backend) {
    let server = Server::start(db).await;
    let (id, token) = create(&server, "Gateway").await;
    assert!(id.starts_with("svt_") && token.starts_with("svc_") && token.len() == 36, "{id}");
    let list = process::run(&server.database, &["service-token", "list"]).await;
    assert!(
        list.contains(&id) && list.contains("Gateway") && list.contains("active") && !list.contains(&token),
        "{list}"
    );
    let rows = dump(&server.database)["service_tokens"].to_lowercase();
    let hash: String = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(rows.contains(&hash) && !rows.contains(&token.to_lowercase()));
}

async fn a_service_token_is_no_person_and_no_program(db: Backend) {
    let server = Server::start(db).await;
    let (_, token) = create(&server, "Gateway").await;
    let before = dump(&server.database);
    for path in ["/v1/me", "/v1/me/sessions", "/v1/whoami", "/v1/members"] {
        server.get(path).bearer(&token).send().await.expect_error(403, "credential_not_accepted");
    }
    server.get("/v1/whoami").header("x-api-key", &token).send().await.expect_error(401, "invalid_api_key");
    assert_unchanged(&before, &server.database);
}

async fn a_revoked_a_mistyped_and_an_unknown_token_are_refused(db: Backend) {
    let server = Server::start(db).await;
    let (id, token) = create(&server, "Gateway").await;
    let typo = format!("{}{}", &token[..35], if token.ends_with('a') { "b" } else { "a" });
    server.get("/v1/me").bearer(&typo).send().await.expect_error(401, "invalid_api_key");
    let (_, elsewhere) = create(&Server::start(db).await, "Elsewhere").await;
    server.get("/v1/me").bearer(&elsewhere).send().await.expect_error(401, "invalid_api_key");
    for _ in 0..2 {
        process::run(&server.database, &["service-token", "revoke", &id]).await;
        server.get("/v1/me").bearer(&token).send().await.expect_error(401, "api_key_revoked");
    }
}

async fn the_last_use_of_a_token_is_listed(db: Backend) {
    let server = Server::start(db).await;
    let (id, token) = create(&server, "Gateway").await;
    let line = async || {
        let list = process::run(&server.database, &["service-token", "list"]).await;
        list.lines().find(|line| line.contains(&id)).expect("listed").to_owned()
    };
    assert!(line().await.contains("never used"));
    server.get("/v1/me").bearer(&token).send().await.expect_error(403, "credential_not_accepted");
    let deadline = Instant::now() + Duration::from_secs(20);
    while line().await.contains("never used") {
        assert!(Instant::now() < deadline, "the use was not written");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn the_operators_commands_refuse_what_does_not_exist(db: Backend) {
    let server = Server::start(db).await;
    let before = dump(&server.database);
    let rows: [(&[&str], &str); 3] = [
        (&["revoke", "svt_01k4w5c9q2e0vb7m3t8z6r1xhd"], "there is no service token"),
        (&["revoke", "gateway"], "must be an id"),
        (&["create", "--name", " "], "1 to 100 characters"),
    ];
    for (arguments, reason) in rows {
        let arguments = [&["service-token"], arguments].concat();
        let output = process::output(process::command_on(&server.database, &arguments)).await;
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(reason), "{arguments:?}: {message}");
    }
    assert_unchanged(&before, &server.database);
}
