//! Gateways: what they are told of a key, and real proxies that ask.

mod client_address;
mod forward_auth;
mod limits;
mod nginx;
mod recipes;
mod rules;
mod upstream;
mod verify;

use crate::support::harness::Test;
use crate::support::http::{Answer, Api};
use crate::support::tenant::service_token;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    [
        client_address::tests(),
        forward_auth::tests(),
        limits::tests(),
        nginx::tests(),
        recipes::tests(),
        rules::tests(),
        verify::tests(),
        verify::tests_once(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A gateway with its token.
pub struct Gateway<'s> {
    server: &'s Api,
    token: String,
}

impl<'s> Gateway<'s> {
    pub async fn new(server: &'s Api) -> Self {
        Self { server, token: service_token(&server.database).await }
    }

    /// The same token at another node.
    pub fn at<'n>(&self, server: &'n Api) -> Gateway<'n> {
        Gateway { server, token: self.token.clone() }
    }

    /// What the server answers to a question, whatever it is.
    pub async fn ask(&self, question: Value) -> Answer {
        self.server.post("/v1/keys/verify").bearer(&self.token).json(question).send().await
    }

    /// What there is to say of a key: complete, and consistent in itself.
    pub async fn verify(&self, question: Value) -> Answer {
        let answer = self.ask(question).await.expect(200);
        let fields: Vec<&str> = answer.body.as_object().expect("an object").keys().map(String::as_str).collect();
        let documented = [
            "code",
            "expiresAt",
            "keyId",
            "organizationId",
            "permissions",
            "rateLimit",
            "role",
            "scope",
            "valid",
            "workspaceId",
        ];
        assert_eq!(fields, documented);
        assert_eq!(answer["valid"], answer["code"] == "VALID");
        answer
    }

    /// The code for a key of which nothing else is asked.
    pub async fn code(&self, key: &str) -> String {
        self.verify(json!({ "key": key })).await.text_at("/code")
    }
}

/// The answer about a key that is nobody's, as far as this tenant may know.
pub fn nothing() -> Value {
    json!({
        "valid": false, "code": "NOT_FOUND", "keyId": null, "workspaceId": null, "organizationId": null,
        "role": null, "scope": null, "permissions": null, "expiresAt": null, "rateLimit": null,
    })
}
