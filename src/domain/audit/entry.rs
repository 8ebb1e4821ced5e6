//! [`Entry`]: a change for the audit trail. [`super::Trail`] adds the actor and the request.

use super::action::{Action, ActorKind, TargetKind};
use crate::base::error::ApiError;
use crate::base::ids::{InvitationId, KeyId, OrganizationId, RoleId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, service_tokens, users};
use crate::base::text::printable;
use crate::infra::request::CallerId;
use diesel::prelude::*;
use serde_json::{Map, Value};

/// A change in an organization.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) organization: OrganizationId,
    pub(super) workspace: Option<WorkspaceId>,
    pub(super) action: Action,
    pub(super) target: Target,
    pub(super) before: Option<Map<String, Value>>,
    pub(super) after: Option<Map<String, Value>>,
}

/// The target of a change, with its name at that time.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) kind: TargetKind,
    pub(super) id: String,
    pub(super) name: Option<String>,
}

impl Target {
    pub fn organization(id: OrganizationId, name: impl Into<Option<String>>) -> Self {
        Self { kind: TargetKind::Organization, id: id.to_string(), name: name.into() }
    }

    pub fn workspace(id: WorkspaceId, name: &str) -> Self {
        Self { kind: TargetKind::Workspace, id: id.to_string(), name: Some(name.to_owned()) }
    }

    /// A person, named by the e-mail address.
    pub fn user(id: UserId, email: Option<&str>) -> Self {
        Self { kind: TargetKind::User, id: id.to_string(), name: email.map(str::to_owned) }
    }

    /// An invitation, named by the invited address.
    pub fn invitation(id: InvitationId, email: &str) -> Self {
        Self { kind: TargetKind::Invitation, id: id.to_string(), name: Some(email.to_owned()) }
    }

    pub fn role(id: RoleId, name: &str) -> Self {
        Self { kind: TargetKind::Role, id: id.to_string(), name: Some(name.to_owned()) }
    }

    /// An API key, named by its name or else by its preview.
    pub fn api_key(id: KeyId, name: Option<&str>, preview: &str) -> Self {
        Self { kind: TargetKind::ApiKey, id: id.to_string(), name: Some(name.unwrap_or(preview).to_owned()) }
    }
}

impl Entry {
    /// An entry without a workspace and without states.
    pub fn new(action: Action, organization: OrganizationId, target: Target) -> Self {
        Self { organization, workspace: None, action, target, before: None, after: None }
    }

    /// Sets the workspace of the change.
    #[must_use]
    pub fn within(self, workspace: WorkspaceId) -> Self {
        Self { workspace: Some(workspace), ..self }
    }

    /// Sets the state before the change: a JSON object without secrets.
    #[must_use]
    pub fn before(self, state: Value) -> Self {
        Self { before: object(state), ..self }
    }

    /// Sets the state after the change: a JSON object without secrets.
    #[must_use]
    pub fn after(self, state: Value) -> Self {
        Self { after: object(state), ..self }
    }

    /// Sets both states, reduced to the fields that differ. An entry without a difference is not written.
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

    /// The organization whose access changes.
    pub(crate) fn organization(&self) -> OrganizationId {
        self.organization
    }

    pub(super) fn is_unchanged(&self) -> bool {
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

/// The actor of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    User(UserId),
    ApiKey(KeyId),
    Service(ServiceTokenId),
    /// The operator, by the command line.
    Operator,
    /// The billing provider, by the id of its event.
    Billing(String),
    /// A scanner that finds keys in public places, by its name.
    LeakScanner(&'static str),
    /// A client without a valid credential.
    Anonymous,
}

/// An actor with its name at that time.
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
    fn from(caller: CallerId) -> Self {
        match caller {
            CallerId::User(id) => Self::User(id),
            CallerId::ApiKey(id) => Self::ApiKey(id),
            CallerId::Service(id) | CallerId::PortalSession(_, id) => Self::Service(id),
        }
    }
}

impl Actor {
    /// Reads the actor's present name, by at most one SELECT by primary key.
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

/// The name of the command's user in the operating system. It proves nothing, but distinguishes colleagues.
fn operators_name() -> Option<String> {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).ok()?;
    Some(printable(&name, MAX_NAME_LENGTH)).filter(|name| !name.is_empty())
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
        assert!(!changed.is_unchanged() && !entry.is_unchanged());
        assert!(entry.changed(json!({ "a": 1 }), json!({ "a": 1 })).is_unchanged());
    }
}
