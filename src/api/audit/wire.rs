//! Events and questions about them over HTTP.

use crate::base::ids::{AuditEventId, InvitationId, KeyId, OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, ActorKind, TargetKind};
use crate::domain::audit::{AuditEvent, Filter};
use crate::infra::http::PageQuery;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// Who did it, as it was called then.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AuditActor {
    #[schema(value_type = ActorKind)]
    kind: String,
    /// Null for the operator, and for somebody who did not prove to be anybody.
    #[schema(required, example = "usr_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    id: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
}

/// What it was done to, as it was called then.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AuditTarget {
    #[schema(value_type = TargetKind)]
    kind: String,
    #[schema(example = "key_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    id: String,
    #[schema(required, example = "Production")]
    name: Option<String>,
}

/// A change of access, or an attempt to sign in that failed.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEventView {
    #[schema(value_type = AuditEventId)]
    id: String,
    /// Its place in the organization's trail: from 1, without gaps.
    sequence: i64,
    organization_id: OrganizationId,
    /// Where it was done, if in a workspace.
    #[schema(required, value_type = Option<WorkspaceId>)]
    workspace_id: Option<String>,
    actor: AuditActor,
    #[schema(value_type = Action)]
    action: String,
    target: AuditTarget,
    /// What was changed, as it was: null for what is new.
    #[schema(required, value_type = Option<Object>)]
    before: Option<Value>,
    /// The same as it was then: null for what is gone.
    #[schema(required, value_type = Option<Object>)]
    after: Option<Value>,
    /// The client's address.
    #[schema(required, example = "203.0.113.7")]
    address: Option<String>,
    /// What the client called itself: its own claim.
    #[schema(required, example = "curl/8.14.1")]
    user_agent: Option<String>,
    /// The `X-Request-ID` of the request.
    #[schema(required, example = "req_Xw3PbV9cQ2LzT7mKd1Rf")]
    request_id: Option<String>,
    occurred_at: Timestamp,
    /// SHA-256 over the hash of the event before and this event's content.
    #[schema(example = "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf")]
    hash: String,
}

impl From<AuditEvent> for AuditEventView {
    fn from(event: AuditEvent) -> Self {
        // Written by this program as JSON; what somebody else put there is shown as the text that it is.
        let state = |text: Option<String>| text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        let AuditEvent { actor_kind, actor_id, actor_name, actor_email, target_kind, target_id, target_name, .. } =
            event;
        Self {
            id: event.id,
            sequence: event.sequence,
            organization_id: event.organization_id,
            workspace_id: event.workspace_id,
            actor: AuditActor { kind: actor_kind, id: actor_id, name: actor_name, email: actor_email },
            action: event.action,
            target: AuditTarget { kind: target_kind, id: target_id, name: target_name },
            before: state(event.state_before),
            after: state(event.state_after),
            address: event.address,
            user_agent: event.user_agent,
            request_id: event.request_id,
            occurred_at: event.occurred_at,
            hash: HEXLOWER.encode(&event.hash),
        }
    }
}

/// An actor to look for: its id, or a kind.
#[derive(Debug)]
pub enum ActorQuery {
    /// One actor.
    Id(String),
    /// All of a kind.
    Kind(ActorKind),
}

impl FromStr for ActorQuery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = is::<UserId>(text) || is::<KeyId>(text) || is::<ServiceTokenId>(text);
        if is_id {
            return Ok(Self::Id(text.to_owned()));
        }
        let kind = text.parse().map(Self::Kind);
        kind.map_err(|_| "actor must be the id of a user, an API key or a service token, or a kind of actor".to_owned())
    }
}

/// A thing to look for, by its id.
#[derive(Debug)]
pub struct TargetQuery(String);

impl FromStr for TargetQuery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = is::<UserId>(text)
            || is::<KeyId>(text)
            || is::<InvitationId>(text)
            || is::<WorkspaceId>(text)
            || is::<OrganizationId>(text);
        let id = is_id.then(|| Self(text.to_owned()));
        id.ok_or_else(|| {
            "target must be the id of an organization, a workspace, a user, an invitation or an API key".into()
        })
    }
}

fn is<Id: FromStr>(text: &str) -> bool {
    text.parse::<Id>().is_ok()
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Which events to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Who did it: an id such as `usr_…` or `key_…`, or a kind such as `operator`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "usr_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    actor: Option<ActorQuery>,
    /// What was done.
    action: Option<Action>,
    /// The id of what it was done to.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "key_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    target: Option<TargetQuery>,
    /// Not before this moment.
    from: Option<Timestamp>,
    /// Before this moment.
    to: Option<Timestamp>,
    /// How many events at most: 1 to 100, 20 if left out.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, example = 20)]
    page_size: Option<String>,
    /// Where to go on: the `nextCursor` of the page before.
    cursor: Option<String>,
}

impl AuditQuery {
    pub(super) fn into_parts(self) -> (Filter, PageQuery) {
        let Self { actor, action, target, from, to, page_size, cursor } = self;
        (filter(actor, action, target, from, to), PageQuery::new(page_size, cursor))
    }
}

/// Which events to export.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditExportQuery {
    /// Who did it: an id such as `usr_…` or `key_…`, or a kind such as `operator`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "usr_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    actor: Option<ActorQuery>,
    /// What was done.
    action: Option<Action>,
    /// The id of what it was done to.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "key_01k4w5c9q2e0vb7m3t8z6r1xhd")]
    target: Option<TargetQuery>,
    /// Not before this moment.
    from: Option<Timestamp>,
    /// Before this moment.
    to: Option<Timestamp>,
}

impl AuditExportQuery {
    pub(super) fn into_filter(self) -> Filter {
        let Self { actor, action, target, from, to } = self;
        filter(actor, action, target, from, to)
    }
}

fn filter(
    actor: Option<ActorQuery>,
    action: Option<Action>,
    target: Option<TargetQuery>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Filter {
    let (actor_kind, actor_id) = match actor {
        None => (None, None),
        Some(ActorQuery::Id(id)) => (None, Some(id)),
        Some(ActorQuery::Kind(kind)) => (Some(kind), None),
    };
    Filter { actor_kind, actor_id, action, target_id: target.map(|TargetQuery(id)| id), from, to }
}
