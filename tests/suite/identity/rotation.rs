//! Signing keys that are rotated, and people who are signed out: on every node, by the real command line.

use super::forge::{claims_of, header_of};
use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::database::TestDatabase;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::process::{self, command, command_on, output};
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_new_key_signs_on_every_node_and_is_accepted_on_every_node_at_once,
    a_replaced_key_verifies_and_stays_published_until_its_tokens_are_over_and_is_then_deleted,
    made_up_key_ids_change_nothing_and_keep_no_good_token_out,
    rotating_with_another_master_secret_or_none_changes_nothing,
    rotating_without_the_built_in_provider_is_refused,
    signing_out_ends_every_session_on_every_node_and_no_other_persons,
    signing_out_an_unknown_address_changes_nothing,
];

/// Rotates, and gives the new key's id.
async fn rotate(server: &Server) -> String {
    let printed = process::run(&server.database, &["identity", "rotate-key"]).await;
    let id = printed.split(' ').nth(1).expect("an id").to_owned();
    assert_eq!(printed, format!("done: {id} signs on every node within seconds\n"), "and nothing private");
    id
}

async fn published(server: &Server) -> Vec<String> {
    let answer = server.get("/.well-known/jwks.json").send().await.expect(200);
    let keys = answer["keys"].as_array().expect("an array").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

fn key_of(user: &User) -> String {
    header_of(&user.id_token)["kid"].as_str().expect("an id").to_owned()
}

async fn a_new_key_signs_on_every_node_and_is_accepted_on_every_node_at_once(db: Backend) {
    let one = Server::start(db).await;
    let two = one.another(|_| {}).await;
    let before = User::sign_up(&one).await;
    let new = rotate(&one).await;
    assert_ne!(key_of(&before), new);
    // A node that starts now has the key; the others have not looked yet, and accept its tokens all the same.
    let three = one.another(|_| {}).await;
    let of_three = User::sign_up(&three).await;
    assert_eq!(key_of(&of_three), new);
    for node in [&one, &two] {
        node.get("/v1/me").bearer(&of_three.id_token).send().await.expect(200);
        node.get("/v1/me").bearer(&before.id_token).send().await.expect(200);
    }
    one.clock.advance(Duration::from_secs(10));
    for node in [&one, &two] {
        assert_eq!(key_of(&User::sign_up(node).await), new);
        assert_eq!(published(node).await, [key_of(&before), new.clone()]);
    }
}

async fn a_replaced_key_verifies_and_stays_published_until_its_tokens_are_over_and_is_then_deleted(db: Backend) {
    let one = Server::start(db).await;
    let two = one.another(|_| {}).await;
    let old = published(&one).await;
    let new = rotate(&one).await;
    // Signed with the old key though the new one is there: this node has not looked yet.
    let late = User::sign_up(&two).await;
    assert_eq!(vec![key_of(&late)], old);
    one.clock.advance(Duration::from_secs(3590));
    for node in [&one, &two] {
        node.get("/v1/me").bearer(&late.id_token).send().await.expect(200);
        assert_eq!(published(node).await, [old[0].clone(), new.clone()], "an hour at least");
    }
    let row = format!("{old:?}").replace(['[', ']', '"'], "");
    assert!(dump(&one.database)["signing_keys"].contains(&row));
    one.clock.advance(Duration::from_secs(2 * 3600));
    for node in [&one, &two] {
        assert_eq!(published(node).await, std::slice::from_ref(&new));
    }
    assert!(!dump(&one.database)["signing_keys"].contains(&row));
    let again = rotate(&one).await;
    one.clock.advance(Duration::from_secs(10));
    assert!(published(&two).await.contains(&again));
}

async fn made_up_key_ids_change_nothing_and_keep_no_good_token_out(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    for number in 0..30 {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": format!("made-up-{number}") });
        let token = super::forge::FIRST.sign_under(&header, &claims_of(&user.id_token));
        server.get("/v1/me").bearer(&token).send().await.expect_error(401, "invalid_id_token");
    }
    server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_unchanged(&before, &server.database);
    rotate(&server).await;
    let node = server.another(|_| {}).await;
    let late = User::sign_up(&node).await;
    server.clock.advance(Duration::from_secs(10));
    server.get("/v1/me").bearer(&late.id_token).send().await.expect(200);
}

async fn rotating_with_another_master_secret_or_none_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let before = dump(&server.database);
    let mut other = command_on(&server.database, &["identity", "rotate-key"]);
    let secret = "ab".repeat(32);
    other.env("KEYWARD__IDENTITY__MASTER_SECRET", format!("\"{secret}\""));
    let refused = output(other).await;
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && message.contains("another master secret"), "{message}");
    assert!(!message.contains(&secret));

    let file = format!("no-such-{}.key", server.address().port());
    let mut none = command(&["identity", "rotate-key"]);
    none.env("DATABASE_URL", server.database.connection_url());
    none.env("KEYWARD__IDENTITY__MASTER_SECRET_FILE", &file);
    let refused = output(none).await;
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && message.contains(&file), "{message}");
    assert!(!crate::support::environment::directory().join(&file).exists(), "none is made");
    assert_unchanged(&before, &server.database);
}

async fn rotating_without_the_built_in_provider_is_refused(db: Backend) {
    let database = TestDatabase::empty(db);
    process::run(&database, &["migrate"]).await;
    let before = dump(&database);
    let mut rotate = command_on(&database, &["identity", "rotate-key"]);
    rotate.env("KEYWARD__IDENTITY__BUILTIN", "false");
    rotate.env("KEYWARD__IDENTITY__ISSUERS", "[{ firebase_project = \"app\" }]");
    let refused = output(rotate).await;
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("identity.builtin"));
    assert_unchanged(&before, &database);
}

async fn signing_out_ends_every_session_on_every_node_and_no_other_persons(db: Backend) {
    let one = Server::start(db).await;
    let two = one.another(|_| {}).await;
    let (user, other) = (User::sign_up(&one).await, User::sign_up(&two).await);
    let second = sign_in(&two, &user.email, &user.password).await.expect(200);
    process::run(&one.database, &["user", "sign-out", &user.email.to_uppercase()]).await;
    for node in [&one, &two] {
        for token in [&user.id_token, &second.text_at("/idToken")] {
            node.get("/v1/me").bearer(token).send().await.expect_error(401, "invalid_id_token");
            assert_firebase_error(&call(node, "lookup", json!({ "idToken": token })).await, "TOKEN_EXPIRED");
        }
        for token in [&user.refresh_token, &second.text_at("/refreshToken")] {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &**token)];
            let refreshed = node.post("/securetoken.googleapis.com/v1/token").form(&form).send().await;
            assert_firebase_error(&refreshed, "TOKEN_EXPIRED");
        }
        node.get("/v1/me").bearer(&other.id_token).send().await.expect(200);
    }
    // Within the very second, too.
    let again = sign_in(&two, &user.email, &user.password).await.expect(200);
    let me = one.get("/v1/me").bearer(&again.text_at("/idToken")).send().await.expect(200);
    assert_eq!(me["user"]["id"], user.user_id.as_str());
}

async fn signing_out_an_unknown_address_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    User::sign_up(&server).await;
    let before = dump(&server.database);
    let refused = output(command_on(&server.database, &["user", "sign-out", "nobody@example.com"])).await;
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && message.contains("no account with the address nobody@example.com"),
        "{message}"
    );
    assert_unchanged(&before, &server.database);
}
