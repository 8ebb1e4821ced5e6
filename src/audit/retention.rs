//! Taking away what is older than `audit.retention_days`, from the oldest on.
//!
//! The head keeps the hash of the last event that went, so what is left is still a chain that hangs on something.

use super::model::Head;
use crate::db::schema::audit_events as events;
use crate::db::{Conn, Timestamp};
use crate::error::ApiError;
use crate::ids::OrganizationId;
use crate::state::State;
use actix_web::{rt, web};
use diesel::prelude::*;
use std::time::Duration;

/// How often it is looked for old events, by the application's clock.
const EVERY: Duration = Duration::from_secs(3600);
/// How often it is looked whether it is time: a clock that was moved counts soon.
const LOOK: Duration = Duration::from_secs(1);
/// The most events that one transaction takes away, so that nobody who writes one waits long.
const BATCH: i64 = 1_000;

/// Prunes for ever, if there is a limit.
pub async fn keep_retention(state: web::Data<State>) {
    let days = state.config.audit.retention_days;
    if days == 0 {
        return;
    }
    let kept = Duration::from_secs(u64::from(days) * 86_400);
    let mut due = state.clock.monotonic();
    loop {
        let now = state.clock.monotonic();
        if now >= due {
            due = now + EVERY;
            if let Err(error) = prune(&state, state.clock.now().minus(kept)).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "old audit events can't be taken away; trying again later");
            }
        }
        rt::time::sleep(LOOK).await;
    }
}

/// Takes away all events from before that moment.
async fn prune(state: &State, before: Timestamp) -> Result<(), ApiError> {
    let old = events::table.filter(events::occurred_at.lt(before)).select(events::organization_id).distinct();
    let organizations: Vec<OrganizationId> = state.across_tenants().read(move |conn| Ok(old.load(conn)?)).await?;
    for organization in organizations {
        let mut taken = 0;
        loop {
            match state.across_tenants().write(move |conn| prune_some(conn, organization, before)).await? {
                0 => break,
                some => taken += some,
            }
        }
        tracing::info!(%organization, taken, "took old audit events away");
    }
    Ok(())
}

/// Takes the first events of an organization away, as far as they are old.
fn prune_some(conn: &mut Conn, organization: OrganizationId, before: Timestamp) -> Result<usize, ApiError> {
    let mut head = Head::lock(conn, organization)?;
    let first: Vec<(i64, Vec<u8>, Timestamp)> = events::table
        .filter(events::organization_id.eq(organization))
        .order(events::sequence)
        .limit(BATCH)
        .select((events::sequence, events::hash, events::occurred_at))
        .load(conn)?;
    // Up to the last old one of the batch: nodes' clocks differ, and a chain has no holes.
    let Some((sequence, hash, _)) = first.into_iter().rev().find(|(_, _, time)| *time < before) else { return Ok(0) };
    (head.pruned_sequence, head.pruned_hash) = (sequence, hash);
    head.save(conn)?;
    let old = events::organization_id.eq(organization).and(events::sequence.le(sequence));
    Ok(diesel::delete(events::table.filter(old)).execute(conn)?)
}
