//! [`Entry`]: what a change says of itself. Who did it, the [`super::Trail`] adds.

use super::action::{Action, ActorKind, TargetKind};
use crate::base::error::ApiError;
use crate::base::ids::{InvitationId, KeyId, OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, service_tokens, users};
use crate::infra::request::CallerId;
use diesel::prelude::*;
use serde_json::{Map, Value};

/// What was changed in an organization.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) organization: OrganizationId,
    pub(super) workspace: Option<WorkspaceId>,
    pub(super) action: Action,
    pub(super) target: Target,
    pub(super) before: Option<Map<String, Value>>,
    pub(super) after: Option<Map<String, Value>>,
}

/// What a change was made to, and what it was called then.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) kind: TargetKind,
    pub(super) id: String,
    pub(super) name: Option<String>,
}

impl Target {
    /// The organization itself.
    pub fn organization(id: OrganizationId, name: impl Into<Option<String>>) -> Self {
        Self { kind: TargetKind::Organization, id: id.to_string(), name: name.into() }
    }

    /// A workspace.
    pub fn workspace(id: WorkspaceId, name: &str) -> Self {
        Self { kind: TargetKind::Workspace, id: id.to_string(), name: Some(name.to_owned()) }
    }

    /// A person, by the address.
    pub fn user(id: UserId, email: Option<&str>) -> Self {
        Self { kind: TargetKind::User, id: id.to_string(), name: email.map(str::to_owned) }
    }

    /// An invitation, by the invited address.
    pub fn invitation(id: InvitationId, email: &str) -> Self {
        Self { kind: TargetKind::Invitation, id: id.to_string(), name: Some(email.to_owned()) }
    }

    /// An API key, by its name, or else by what may be shown of its value.
    pub fn api_key(id: KeyId, name: Option<&str>, preview: &str) -> Self {
        Self { kind: TargetKind::ApiKey, id: id.to_string(), name: Some(name.unwrap_or(preview).to_owned()) }
    }
}

impl Entry {
    /// Something was done.
    pub fn new(action: Action, organization: OrganizationId, target: Target) -> Self {
        Self { organization, workspace: None, action, target, before: None, after: None }
    }

    /// It was done in that workspace.
    #[must_use]
    pub fn within(self, workspace: WorkspaceId) -> Self {
        Self { workspace: Some(workspace), ..self }
    }

    /// How it was: a JSON object, without secrets.
    #[must_use]
    pub fn before(self, state: Value) -> Self {
        Self { before: object(state), ..self }
    }

    /// How it is now: a JSON object, without secrets.
    #[must_use]
    pub fn after(self, state: Value) -> Self {
        Self { after: object(state), ..self }
    }

    /// How it was and is, as far as that differs. An entry whose two states are alike is not written: nothing happened.
    #[must_use]
    pub fn changed(self, before: Value, after: Value) -> Self {
        let (mut before, mut after) = (object(before).unwrap_or_default(), object(after).unwrap_or_default());
        let alike: Vec<String> = before
            .iter()
            .filter(|(name, value)| after.get(*name) == Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in alike {
            before.remove(&name);
            after.remove(&name);
        }
        Self { before: Some(before), after: Some(after), ..self }
    }

    /// Which organization's access it changes.
    pub(crate) fn organization(&self) -> OrganizationId {
        self.organization
    }

    pub(super) fn says_nothing(&self) -> bool {
        let is_empty = |state: &Option<Map<_, _>>| state.as_ref().is_some_and(Map::is_empty);
        is_empty(&self.before) && is_empty(&self.after)
    }
}

fn object(state: Value) -> Option<Map<String, Value>> {
    match state {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A program.
    ApiKey(KeyId),
    /// A gateway or another service.
    Service(ServiceTokenId),
    /// Whoever runs the server.
    Operator,
    /// The billing provider, by the id of its event.
    Billing(String),
    /// A scanner that finds keys where anybody can read them, by its name.
    LeakScanner(&'static str),
    /// Somebody who did not prove to be anybody.
    Anonymous,
}

/// An actor as it was called at that time.
#[derive(Clone, Debug)]
pub(super) struct NamedActor {
    pub(super) kind: ActorKind,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
}

/// The most characters of the operator's name.
const MAX_NAME_LENGTH: usize = 100;

impl From<CallerId> for Actor {
    /// The caller of a request.
    fn from(caller: CallerId) -> Self {
        match caller {
            CallerId::User(id) => Self::User(id),
            CallerId::ApiKey(id) => Self::ApiKey(id),
            CallerId::Service(id) => Self::Service(id),
        }
    }
}

impl Actor {
    /// Looks up what the actor is called now. One SELECT by primary key at most.
    pub(super) fn named(&self, conn: &mut Conn) -> Result<NamedActor, ApiError> {
        let bare = |kind, id: Option<&str>| NamedActor { kind, id: id.map(str::to_owned), name: None, email: None };
        Ok(match self {
            Self::User(id) => {
                let found: Option<(Option<String>, Option<String>)> =
                    users::table.find(id).select((users::name, users::email)).first(conn).optional()?;
                let (name, email) = found.unwrap_or_default();
                NamedActor { name, email, ..bare(ActorKind::User, Some(&id.text())) }
            }
            Self::ApiKey(id) => {
                let found: Option<(Option<String>, String)> =
                    api_keys::table.find(id).select((api_keys::name, api_keys::preview)).first(conn).optional()?;
                let name = found.map(|(name, preview)| name.unwrap_or(preview));
                NamedActor { name, ..bare(ActorKind::ApiKey, Some(&id.text())) }
            }
            Self::Service(id) => {
                let name = service_tokens::table.find(id).select(service_tokens::name).first(conn).optional()?;
                NamedActor { name, ..bare(ActorKind::Service, Some(&id.text())) }
            }
            Self::Operator => NamedActor { name: operators_name(), ..bare(ActorKind::Operator, None) },
            Self::Billing(event) => bare(ActorKind::Billing, Some(event)),
            Self::LeakScanner(name) => bare(ActorKind::LeakScanner, Some(name)),
            Self::Anonymous => bare(ActorKind::Anonymous, None),
        })
    }
}

/// What the operating system calls whoever runs the command. It proves nothing, and helps to tell colleagues apart.
fn operators_name() -> Option<String> {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).ok()?;
    Some(printable(&name, MAX_NAME_LENGTH)).filter(|name| !name.is_empty())
}

/// A text from outside, bounded and without what a terminal would act on.
pub(super) fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|c| !crate::base::input::validation::is_unprintable(*c)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_tells_what_differs_and_nothing_else() {
        let id = OrganizationId::new();
        let entry = Entry::new(Action::OrganizationRenamed, id, Target::organization(id, None));
        let changed = entry.clone().changed(json!({ "a": 1, "b": null }), json!({ "a": 1, "b": 2 }));
        assert_eq!(Value::from(changed.before.clone().unwrap()), json!({ "b": null }));
        assert_eq!(Value::from(changed.after.clone().unwrap()), json!({ "b": 2 }));
        assert!(!changed.says_nothing() && !entry.says_nothing());
        assert!(entry.changed(json!({ "a": 1 }), json!({ "a": 1 })).says_nothing());
    }
}
