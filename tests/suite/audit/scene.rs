//! What the table of writes plays on: an organization, the requests about a key, and how events are spelled.

use super::user;
use crate::support::http::{Answer, Request};
use crate::support::smtp::Smtp;
use crate::support::tenant::{self, EDITORS, User};
use crate::support::{Server, Tenant, process, secrets};
use serde_json::{Value, json};

pub const USER_AGENT: &str = "audit-suite/1.0 (test)";

/// What a request did.
pub struct Done {
    pub answer: Answer,
    pub organization: String,
    /// As [`told`] shows them, oldest first.
    pub events: Vec<Value>,
}

pub struct Scene<'s> {
    pub server: &'s Server,
    pub smtp: Smtp,
    pub acme: Tenant<'s>,
}

/// A service that may do everything.
pub struct BackendService {
    /// As events show it.
    pub actor: Value,
    pub token: String,
}

/// A user without an ID token.
pub struct ExternalUser {
    pub id: String,
    pub subject: String,
}

pub fn event(action: &str, actor: Value, target: Value, workspace: Option<&str>, before: Value, after: Value) -> Value {
    json!({
        "action": action, "actor": actor, "target": target, "workspaceId": workspace, "before": before, "after": after,
    })
}

pub fn target(kind: &str, id: &str, name: &str) -> Value {
    json!({ "kind": kind, "id": id, "name": name })
}

pub fn person(user: &User) -> Value {
    target("user", &user.user_id, &user.email)
}

pub fn actor(of: &User) -> Value {
    user(&of.user_id, &of.email)
}

/// What a key's event tells of it, as its creation answered.
fn facts(key: &Value) -> Value {
    json!({
        "name": key["name"], "preview": key["preview"], "scope": key["scope"], "roleLimit": key["roleLimit"],
        "permissions": key["permissions"], "lastPermissions": null,
        "createdBy": key["createdBy"],
        "expiresAt": key["expiresAt"], "allowedIps": key["allowedIps"], "disabled": key["status"] == "disabled",
        "revoked": key["status"] == "revoked", "orphaned": false,
    })
}

pub async fn send(request: Request) -> Answer {
    request.header("user-agent", USER_AGENT).send().await
}

impl Scene<'_> {
    /// What acceptance leaves.
    pub fn joined(&self, invitation: &Answer, user_id: &str, email: &str) -> Vec<Value> {
        let (me, place) = (user(user_id, email), &*self.acme.workspace_id);
        let before = json!({
            "email": email, "role": "member", "workspaces": [{ "id": place, "role": "editor" }],
            "expiresAt": invitation["expiresAt"], "invitedBy": self.acme.owner.user_id,
        });
        let person = target("user", user_id, email);
        let (invited, role) = (target("invitation", &invitation.text_at("/id"), email), json!({ "role": "editor" }));
        vec![
            event(
                "organization_member.added",
                me.clone(),
                person.clone(),
                None,
                Value::Null,
                json!({ "role": "member" }),
            ),
            event("invitation.accepted", me.clone(), invited, None, before, json!({ "userId": user_id })),
            event("workspace_member.added", me, person, Some(place), Value::Null, role),
        ]
    }

    /// A backend, and a user that it has made.
    pub async fn external_user(&self, name: &str) -> (BackendService, ExternalUser) {
        let printed = process::run(
            &self.server.database,
            &["service-token", "create", "--name", "Backend", "--can", tenant::EVERYTHING],
        )
        .await;
        let (id, token) = printed.trim().split_once('\n').expect("its id and its text");
        secrets::register(token);
        let actor = json!({ "kind": "service", "id": id, "name": "Backend", "email": null });
        let backend = BackendService { actor, token: token.to_owned() };
        let subject = format!("audited-{id}");
        let body = json!({ "issuer": "external", "subject": subject, "name": name });
        let made = self.server.put("/v1/users").bearer(&backend.token).json(body).send().await.expect(200);
        (backend, ExternalUser { id: made.text_at("/id"), subject })
    }

    /// [`Self::external_user`], who is a member.
    pub async fn external_member(&self, name: &str) -> (BackendService, ExternalUser) {
        let (backend, user) = self.external_user(name).await;
        let path = self.acme.organization_path(&format!("/members/{}", user.id));
        let add = self.server.put(&path).bearer(&backend.token).json(json!({ "role": "member" }));
        add.send().await.expect(200);
        (backend, user)
    }

    pub async fn perform_on_key(&self, operation: &str) -> Done {
        let (acme, owner) = (&self.acme, &self.acme.owner);
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let editor = acme.add_to_workspace("editor").await;
        let body = json!({ "name": "Deploy", "allowedIps": ["203.0.113.0/24"] });
        let key = acme.create_key(&editor, body).await;
        let path = path.replace("{workspaceId}", &acme.workspace_id).replace("{keyId}", &key.id);
        let request = self.server.request(method.parse().expect("a method"), &path).bearer(&owner.id_token);
        let about = target("api_key", &key.id, "Deploy");
        let (action, request, change) = match path.rsplit('/').next().expect("a last part") {
            "api-keys" => ("api_key.created", request.json(json!({ "name": "New" })), None),
            "roll" => ("api_key.rolled", request.json(json!({ "overlapSeconds": 60 })), None),
            "disable" => ("api_key.disabled", request, Some(json!({ "disabled": true }))),
            "enable" => {
                let disable = self.server.post(&acme.key_path(&key, "/disable")).bearer(&owner.id_token);
                disable.send().await.expect(200);
                ("api_key.enabled", request, Some(json!({ "disabled": false })))
            }
            "revoke" => ("api_key.revoked", request, Some(json!({ "revoked": true }))),
            "transfer" => {
                let new_creator = json!({ "userId": owner.user_id });
                let change = json!({ "createdBy": owner.user_id, "permissions": EDITORS });
                ("api_key.transferred", request.json(new_creator), Some(change))
            }
            _ if method == "DELETE" => ("api_key.deleted", request, None),
            _ => {
                let body = json!({ "allowedIps": [], "name": "Deploy" });
                ("api_key.changed", request.json(body), Some(json!({ "allowedIps": [] })))
            }
        };
        let answer = send(request).await;
        let (about, before, after) = match (action, change) {
            ("api_key.created", _) => {
                (target("api_key", &answer.text_at("/id"), "New"), Value::Null, facts(&answer.body))
            }
            ("api_key.deleted", _) => (about, facts(&key.body), Value::Null),
            ("api_key.rolled", _) => (
                about,
                json!({ "preview": key.body["preview"] }),
                json!({ "preview": answer["preview"], "overlapEndsAt": answer["overlapEndsAt"] }),
            ),
            ("api_key.enabled", Some(after)) => (about, json!({ "disabled": true }), after),
            (_, Some(after)) => {
                let whole = facts(&key.body);
                let before = after.as_object().expect("fields").keys().map(|name| (name.clone(), whole[name].clone()));
                (about, Value::Object(before.collect()), after)
            }
            (action, None) => unreachable!("{action}"),
        };
        let told = event(action, actor(owner), about, Some(&acme.workspace_id), before, after);
        Done { answer, organization: acme.organization_id.clone(), events: vec![told] }
    }
}
