//! `accounts:delete`: what goes with an account, and what stays.

use super::rest::{assert_firebase_error, call, sign_in};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_deleted_account_is_gone_and_its_tokens_say_so,
    a_deleted_persons_keys_stop_until_they_are_transferred,
    the_last_owner_of_an_organization_cannot_go,
    a_deletion_wants_a_recent_sign_in,
    a_deletion_without_a_good_token_is_refused,
    the_address_is_free_again_for_somebody_else,
];

async fn delete(server: &Api, user: &User) -> Answer {
    call(server, "delete", json!({ "idToken": user.id_token })).await
}

async fn a_deleted_account_is_gone_and_its_tokens_say_so(db: Backend) {
    let server = Server::start(db).await;
    let (user, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let answer = delete(&server, &user).await.expect(200);
    assert_eq!(answer.body, json!({ "kind": "identitytoolkit#DeleteAccountResponse" }));
    server.get("/v1/me").bearer(&user.id_token).send().await.expect_error(401, "invalid_id_token");
    assert_firebase_error(&delete(&server, &user).await, "USER_NOT_FOUND");
    assert_firebase_error(&call(&server, "lookup", json!({ "idToken": user.id_token })).await, "USER_NOT_FOUND");
    assert_firebase_error(&sign_in(&server, &user.email, &user.password).await, "INVALID_LOGIN_CREDENTIALS");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*user.refresh_token)];
    let refreshed = server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await;
    assert_firebase_error(&refreshed, "USER_NOT_FOUND");
    let rows = format!("{:?}", dump(&server.database));
    assert!(!rows.contains(&user.email), "nothing is left that says who it was");
    server.get("/v1/me").bearer(&other.id_token).send().await.expect(200);
}

async fn a_deleted_persons_keys_stop_until_they_are_transferred(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await;
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    delete(&server, &editor).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_orphaned");
    let members = server.get(&tenant.organization_path("/members")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(members.expect(200)["data"].as_array().map(Vec::len), Some(1));
    let transfer = server.post(&tenant.key_path(&key, "/transfer")).bearer(&tenant.owner.id_token);
    transfer.json(json!({ "userId": tenant.owner.user_id })).send().await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
}

async fn the_last_owner_of_an_organization_cannot_go(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let other = Tenant::new(&server).await;
    // A member of a second organization, which must be left in place, too.
    let invited = other.invite(&tenant.owner.email, "member", &[]).await.text_at("/token");
    let mut owner = tenant.owner.clone();
    crate::support::tenant::verify_email(&server, &mut owner).await;
    let accept = server.post("/v1/invitations/accept").bearer(&owner.id_token);
    accept.json(json!({ "token": invited })).send().await.expect(200);
    let before = dump(&server.database);
    let message = "OPERATION_NOT_ALLOWED : You are the last owner of an organization. Delete it or make another member \
                   an owner, then try again.";
    assert_firebase_error(&delete(&server, &owner).await, message);
    assert_unchanged(&before, &server.database);
    tenant.add_member("owner", &[]).await;
    delete(&server, &owner).await.expect(200);
}

async fn a_deletion_wants_a_recent_sign_in(db: Backend) {
    let server = Server::start(db).await;
    let mut user = User::sign_up(&server).await;
    server.clock.advance(Duration::from_secs(301));
    user.refresh(&server).await;
    let before = dump(&server.database);
    assert_firebase_error(&delete(&server, &user).await, "CREDENTIAL_TOO_OLD_LOGIN_AGAIN");
    assert_unchanged(&before, &server.database);
    user.id_token = sign_in(&server, &user.email, &user.password).await.expect(200).text_at("/idToken");
    delete(&server, &user).await.expect(200);
}

async fn a_deletion_without_a_good_token_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    assert_firebase_error(&call(&server, "delete", json!({})).await, "MISSING_ID_TOKEN");
    assert_firebase_error(&call(&server, "delete", json!({ "idToken": "a.b.c" })).await, "INVALID_ID_TOKEN");
    assert_unchanged(&before, &server.database);
    server.database.execute("UPDATE accounts SET disabled_at = created_at");
    assert_firebase_error(&delete(&server, &user).await, "USER_DISABLED");
}

async fn the_address_is_free_again_for_somebody_else(db: Backend) {
    let server = Server::start(db).await;
    let first = User::sign_up(&server).await;
    delete(&server, &first).await.expect(200);
    let second = User::sign_up_as(&server, &first.email).await;
    assert_ne!((&first.local_id, &first.user_id), (&second.local_id, &second.user_id));
}
