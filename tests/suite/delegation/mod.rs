//! Delegated authority: what a person or a key gives to others counts at most what the giver has when it is used.

mod bounds;
mod invitations;
mod model;
mod people;
mod property;
mod races;
mod transfers;

use crate::support::harness::Test;
use crate::support::http::Answer;
use crate::support::tenant::{Key, User, verify_email};
use crate::support::{Server, Tenant};
use keyward::domain::changes::ScopedStore;
use keyward::domain::identity::Account;
use keyward::infra::db::Db;
use serde_json::{Value, json};
use std::time::Duration;

/// Every test of this room.
pub fn tests() -> Vec<Test> {
    [bounds::tests(), invitations::tests(), people::tests(), property::tests(), races::tests(), transfers::tests()]
        .into_iter()
        .flatten()
        .collect()
}

/// A new person with this address, which is verified.
async fn verified(server: &Server, email: &str) -> User {
    let mut user = User::sign_up_as(server, email).await;
    verify_email(server, &mut user).await;
    user
}

/// Disables or enables a person, as the operator does, and returns when every node knows.
async fn set_disabled(server: &Server, user: &User, is_disabled: bool) {
    let (config, clock, email) = (server.config.clone(), server.clock.clone(), user.email.clone());
    let now = clock.now();
    let change = tokio::task::spawn_blocking(move || {
        let store =
            ScopedStore::for_command(&config, Db::new(&config.database).for_all_tenants(), &clock).expect("a store");
        store.change_access_blocking(|conn, access_change| {
            Account::set_disabled(conn, access_change, &email, is_disabled.then_some(now)).map(drop)
        })
    });
    change.await.expect("the operator does not panic").expect("the operator's change");
}

/// Signs a person in again, after the sign-ins were ended.
async fn sign_in(server: &Server, user: &mut User) {
    // ID tokens have whole seconds: those of the second in which the sign-ins ended are refused.
    server.clock.advance(Duration::from_secs(2));
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any");
    let body = json!({ "email": user.email, "password": user.password, "returnSecureToken": true });
    let answer = request.json(body).send().await.expect(200);
    (user.id_token, user.refresh_token) = (answer.text_at("/idToken"), answer.text_at("/refreshToken"));
}

async fn invite_by(server: &Server, tenant: &Tenant<'_>, by: &User, email: &str, role: &str) -> Answer {
    let request = server.post(&tenant.organization_path("/invitations")).bearer(&by.id_token);
    request.json(json!({ "email": email, "role": role })).send().await
}

async fn accept(server: &Server, user: &User, token: &str) -> Answer {
    server.post("/v1/invitations/accept").bearer(&user.id_token).json(json!({ "token": token })).send().await
}

async fn set_role(server: &Server, tenant: &Tenant<'_>, by: &User, of: &User, role: &str) -> Answer {
    let path = tenant.organization_path(&format!("/members/{}", of.user_id));
    server.patch(&path).bearer(&by.id_token).json(json!({ "role": role })).send().await
}

async fn remove(server: &Server, tenant: &Tenant<'_>, by: &User, of: &User, query: &str) -> Answer {
    let path = tenant.organization_path(&format!("/members/{}{query}", of.user_id));
    server.delete(&path).bearer(&by.id_token).send().await
}

pub async fn transfer(server: &Server, tenant: &Tenant<'_>, by: &str, key: &Key, body: Value) -> Answer {
    server.post(&tenant.key_path(key, "/transfer")).bearer(by).json(body).send().await
}

/// The role that a value of a key has now; `None` when it is refused.
async fn role_of(server: &Server, plaintext: &str) -> Option<String> {
    let answer = server.get("/v1/whoami").bearer(plaintext).send().await;
    (answer.status == 200).then(|| answer.text_at("/role"))
}
