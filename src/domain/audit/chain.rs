//! The hash that ties each event to the event before it.
//!
//! `hash = SHA-256(previous hash ‖ content)`. The first event's previous hash is 32 zero bytes. The content is a JSON
//! array in UTF-8 without spaces: organization, sequence, id, time (RFC 3339, milliseconds, `Z`), workspace, the
//! actor's kind, id, name and email, action, the target's kind, id and name, before and after (each as the text of its
//! JSON object), address, user agent, request id; and last the member for whom a service acted, if it acted for one.
//! Other absent values are `null`. An export has all of these, so its reader can compute the hashes again.

use super::model::AuditEvent;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The previous hash of the first event.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// Returns the hash of an event that follows an event with the hash `previous`.
pub(super) fn hash(previous: &[u8], event: &AuditEvent) -> Vec<u8> {
    let mut content = json!([
        event.organization_id,
        event.sequence,
        event.id,
        event.occurred_at,
        event.workspace_id,
        event.actor_kind,
        event.actor_id,
        event.actor_name,
        event.actor_email,
        event.action,
        event.target_kind,
        event.target_id,
        event.target_name,
        event.state_before,
        event.state_after,
        event.address,
        event.user_agent,
        event.request_id,
    ]);
    if let (Some(member), Some(values)) = (&event.on_behalf_of, content.as_array_mut()) {
        values.push(json!(member));
    }
    Sha256::new().chain_update(previous).chain_update(content.to_string()).finalize().to_vec()
}
