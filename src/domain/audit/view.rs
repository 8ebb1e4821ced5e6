//! [`AuditEventView`]: the JSON of an event for the API, the export and the command line.

use super::action::{Action, ActorKind, TargetKind};
use super::model::AuditEvent;
use crate::base::ids::{AuditEventId, OrganizationId, UserId, WorkspaceId};
use crate::base::time::Timestamp;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;

/// Who did it, as it was called then.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AuditActor {
    #[schema(value_type = ActorKind)]
    kind: String,
    /// Null for the operator and for an anonymous actor.
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
    /// The member for whom a service acted, if it named one, or of whom it made a portal session.
    #[schema(required, value_type = Option<UserId>)]
    on_behalf_of: Option<String>,
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
        // This program writes JSON. A text that was changed in the database is shown as it is.
        let state = |text: Option<String>| text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        let AuditEvent { actor_kind, actor_id, actor_name, actor_email, target_kind, target_id, target_name, .. } =
            event;
        Self {
            id: event.id,
            sequence: event.sequence,
            organization_id: event.organization_id,
            workspace_id: event.workspace_id,
            actor: AuditActor { kind: actor_kind, id: actor_id, name: actor_name, email: actor_email },
            on_behalf_of: event.on_behalf_of,
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
