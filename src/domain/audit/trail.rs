//! [`Trail`]: collects the entries of one transaction, and writes them as events.

use super::chain;
use super::entry::{Actor, Entry, NamedActor};
use super::model::{AuditEvent, Head};
use crate::base::error::ApiError;
use crate::base::ids::{AuditEventId, OrganizationId};
use crate::base::sql::Conn;
use crate::base::text::printable;
use crate::base::time::Timestamp;
use crate::infra::request::{RequestContext, RequestOrigin};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// In characters.
const MAX_USER_AGENT_LENGTH: usize = 256;

/// The entries of a transaction, with its request and actor.
#[derive(Debug)]
pub struct Trail {
    request: Option<RequestOrigin>,
    actor: Option<Actor>,
    /// The actor with the name that it had before the transaction removed it.
    named: Option<NamedActor>,
    entries: Vec<Entry>,
}

impl Trail {
    /// An empty trail for the current request. Without a request, the actor is the operator.
    pub fn here() -> Self {
        Self { request: RequestContext::origin(), actor: None, named: None, entries: Vec::new() }
    }

    /// Sets the actor, if it is not the request's caller or the caller has no credential.
    pub fn act_as(&mut self, actor: Actor) {
        self.actor = Some(actor);
    }

    /// Sets the actor, and reads the name now, because the transaction removes it.
    ///
    /// # Errors
    /// Database errors.
    pub fn act_as_leaving(&mut self, conn: &mut Conn, actor: Actor) -> Result<(), ApiError> {
        self.named = Some(actor.named(conn)?);
        self.actor = Some(actor);
        Ok(())
    }

    /// Sets the request that caused the entries, if it has already ended.
    pub fn on_behalf_of(&mut self, request: Option<RequestOrigin>) {
        self.request = request;
    }

    /// Adds an entry, unless its two states are equal.
    pub fn add(&mut self, entry: Entry) {
        if !entry.is_unchanged() {
            self.entries.push(entry);
        }
    }

    /// Writes the events. It runs at the end of the transaction, so that the chains' heads are locked only briefly.
    ///
    /// Cost: one SELECT for the actor; for each organization two statements, and one for each event.
    ///
    /// # Errors
    /// `internal` when the actor is unknown, and those of the database.
    pub fn write(&self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        let mut by_organization: BTreeMap<OrganizationId, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.entries {
            by_organization.entry(entry.organization).or_default().push(entry);
        }
        if by_organization.is_empty() {
            return Ok(());
        }
        let actor = match &self.named {
            Some(named) => named.clone(),
            None => self.actor()?.named(conn)?,
        };
        for (organization, entries) in by_organization {
            let mut head = Head::lock(conn, organization)?;
            for entry in entries {
                let event = self.event(entry, &actor, &head, now);
                event.insert(conn)?;
                (head.sequence, head.hash) = (event.sequence, event.hash);
            }
            head.save(conn)?;
        }
        Ok(())
    }

    fn actor(&self) -> Result<Actor, ApiError> {
        if let Some(actor) = &self.actor {
            return Ok(actor.clone());
        }
        let Some(request) = &self.request else { return Ok(Actor::Operator) };
        let caller = request.caller.map(Actor::from);
        // No default: a wrong actor or a missing event would falsify the trail.
        caller.ok_or_else(|| ApiError::internal("a change of access by nobody: the handler must say who acts"))
    }

    fn event(&self, entry: &Entry, actor: &NamedActor, head: &Head, now: Timestamp) -> AuditEvent {
        let request = self.request.as_ref();
        let text = |state: &Option<Map<String, Value>>| state.clone().map(|fields| Value::Object(fields).to_string());
        let user_agent = request.and_then(RequestOrigin::user_agent);
        let mut event = AuditEvent {
            organization_id: entry.organization,
            sequence: head.sequence + 1,
            id: AuditEventId::new().to_string(),
            workspace_id: entry.workspace.map(|id| id.to_string()),
            actor_kind: actor.kind.to_string(),
            actor_id: actor.id.clone(),
            actor_name: actor.name.clone(),
            actor_email: actor.email.clone(),
            action: entry.action.to_string(),
            target_kind: entry.target.kind.to_string(),
            target_id: entry.target.id.clone(),
            target_name: entry.target.name.clone(),
            state_before: text(&entry.before),
            state_after: text(&entry.after),
            address: request.and_then(RequestOrigin::address).map(|address| address.to_string()),
            user_agent: user_agent.map(|name| printable(name, MAX_USER_AGENT_LENGTH)).filter(|name| !name.is_empty()),
            request_id: request.map(|request| request.id.to_string()),
            occurred_at: now,
            hash: Vec::new(),
            on_behalf_of: request.and_then(|request| request.on_behalf_of).map(|member| member.to_string()),
        };
        event.hash = chain::hash(&head.hash, &event);
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::UserId;

    #[test]
    fn a_request_without_a_caller_must_say_who_acts() {
        let mut trail =
            Trail { request: Some(RequestOrigin::of_nobody()), actor: None, named: None, entries: Vec::new() };
        assert!(trail.actor().is_err());
        let user = UserId::new();
        trail.act_as(Actor::User(user));
        assert_eq!(trail.actor().unwrap(), Actor::User(user));
        assert_eq!(Trail::here().actor().unwrap(), Actor::Operator, "no request: the command line");
    }
}
