//! People and organizations that sign up and are made through the API, as customers are.

use crate::client::{Connection, bearer, request};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// One call with a JSON answer, on a connection of its own. Anything but a success is the end of the benchmark.
pub fn call(address: SocketAddr, method: &str, path: &str, token: Option<&str>, body: Value) -> Value {
    let headers = token.map(bearer).unwrap_or_default();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = Connection::open(address).send(&request(method, path, &headers, &body));
    let text = String::from_utf8_lossy(&answer.body);
    assert!(answer.status < 300, "{method} {path}: {} {text}", answer.status);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}"))
}

fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {answer}")).to_owned()
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub email: String,
    pub user_id: String,
    pub id_token: String,
}

/// The password of everybody here.
pub const PASSWORD: &str = "correct-horse-battery";

impl Person {
    /// Signs up at the built-in provider.
    pub fn sign_up(address: SocketAddr, email: &str) -> Self {
        let account = json!({ "email": email, "password": PASSWORD, "returnSecureToken": true });
        let path = "/identitytoolkit.googleapis.com/v1/accounts:signUp?key=bench";
        let id_token = text(&call(address, "POST", path, None, account), "/idToken");
        let me = call(address, "GET", "/v1/me", Some(&id_token), Value::Null);
        Self { email: email.to_owned(), user_id: text(&me, "/user/id"), id_token }
    }
}

/// An organization with its owner.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub owner: Person,
    pub organization_id: String,
}

impl Tenant {
    /// Made by a person who has just signed up.
    pub fn create(address: SocketAddr) -> Self {
        let owner = Person::sign_up(address, "owner@example.com");
        let body = json!({ "name": "Bench" });
        let organization = call(address, "POST", "/v1/organizations", Some(&owner.id_token), body);
        Self { owner, organization_id: text(&organization, "/id") }
    }

    /// A workspace of it; answers its id.
    pub fn add_workspace(&self, address: SocketAddr, name: &str) -> String {
        let path = format!("/v1/organizations/{}/workspaces", self.organization_id);
        text(&call(address, "POST", &path, Some(&self.owner.id_token), json!({ "name": name })), "/id")
    }
}
