//! Permissions of the product, custom roles, and lists on keys.

mod answers;
mod guide;
mod keys;
mod model;
mod property;
mod roles;
mod start_up;

use crate::support::harness::Test;
use crate::support::http::Answer;
use crate::support::tenant::{Key, User};
use crate::support::{Backend, Server, Tenant};
use keyward::base::config::Config;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    [answers::tests(), guide::tests(), keys::tests(), property::tests(), roles::tests()].into_iter().flatten().collect()
}

pub fn tests_once() -> Vec<Test> {
    start_up::tests_once()
}

/// A product's permissions: for viewers, for editors, and two for custom roles only.
pub fn configure(config: &mut Config) {
    config.permissions = toml::from_str(
        r#"
        "invoices:read" = { least_role = "viewer", description = "See invoices" }
        "invoices:write" = { least_role = "editor" }
        "invoices:void" = { least_role = "none" }
        "secrets:read" = { least_role = "none" }
        "#,
    )
    .expect("permissions");
}

async fn server(db: Backend) -> Server {
    Server::with(db, configure).await
}

/// Asks for a custom role.
async fn ask_for_role(tenant: &Tenant<'_>, by: &User, body: Value) -> Answer {
    tenant.server().post(&tenant.organization_path("/roles")).bearer(&by.id_token).json(body).send().await
}

/// Makes a custom role, and returns its id.
async fn add_role(tenant: &Tenant<'_>, name: &str, permissions: &[&str]) -> String {
    let body = json!({ "name": name, "permissions": permissions });
    ask_for_role(tenant, &tenant.owner, body).await.expect(201).text_at("/id")
}

async fn change_role(tenant: &Tenant<'_>, role: &str, body: Value) -> Answer {
    let path = tenant.organization_path(&format!("/roles/{role}"));
    tenant.server().patch(&path).bearer(&tenant.owner.id_token).json(body).send().await
}

/// Gives a member a role in the workspace.
async fn give(tenant: &Tenant<'_>, by: &User, to: &User, role: &str) -> Answer {
    let path = tenant.workspace_path(&format!("/members/{}", to.user_id));
    tenant.server().put(&path).bearer(&by.id_token).json(json!({ "role": role })).send().await
}

async fn change_key(tenant: &Tenant<'_>, by: &User, key: &Key, permissions: Value) -> Answer {
    let request = tenant.server().patch(&tenant.key_path(key, "")).bearer(&by.id_token);
    request.json(json!({ "permissions": permissions })).send().await
}

/// What a key may do, by `GET /v1/whoami`. `None` for a key that does not work.
async fn effective(server: &Server, plaintext: &str) -> Option<Vec<String>> {
    let answer = server.get("/v1/whoami").bearer(plaintext).send().await;
    let names = || answer["permissions"].as_array().expect("a list").iter();
    (answer.status == 200).then(|| names().map(|name| name.as_str().expect("a name").to_owned()).collect())
}
