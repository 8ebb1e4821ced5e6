//! Deletes events that are older than `audit.retention_days`, oldest first.
//!
//! The head keeps the hash of the last deleted event, so the remaining chain can still be verified.

use super::model::Head;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;
use crate::base::sql::schema::audit_events as events;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::infra::db::Db;
use crate::infra::periodic;
use diesel::prelude::*;
use std::time::Duration;

/// The most events that one transaction deletes, so that writers of events wait only briefly.
const BATCH: i64 = 1_000;

/// The background task that deletes old events. It ends at once if `retention_days` is 0.
pub async fn keep_retention(db: Db, clock: Clock, retention_days: u16) {
    let kept = Duration::from_secs(u64::from(retention_days) * 86_400);
    periodic::keep(&clock, kept, "audit events", async |before| prune(&db, before).await).await;
}

/// Deletes all events before that moment.
async fn prune(db: &Db, before: Timestamp) -> Result<(), ApiError> {
    let old = events::table.filter(events::occurred_at.lt(before)).select(events::organization_id).distinct();
    let organizations: Vec<OrganizationId> = db.for_all_tenants().read(move |conn| Ok(old.load(conn)?)).await?;
    for organization in organizations {
        let mut taken = 0;
        loop {
            match db.for_all_tenants().write(move |conn| prune_some(conn, organization, before)).await? {
                0 => break,
                some => taken += some,
            }
        }
        tracing::info!(%organization, taken, "deleted old audit events");
    }
    Ok(())
}

/// Deletes the first events of an organization that are old, at most [`BATCH`]. Returns their number.
fn prune_some(conn: &mut Conn, organization: OrganizationId, before: Timestamp) -> Result<usize, ApiError> {
    let mut head = Head::lock(conn, organization)?;
    let first: Vec<(i64, Vec<u8>, Timestamp)> = events::table
        .filter(events::organization_id.eq(organization))
        .order(events::sequence)
        .limit(BATCH)
        .select((events::sequence, events::hash, events::occurred_at))
        .load(conn)?;
    // Up to the last old event of the batch: nodes' clocks differ, and a chain must have no gaps.
    let Some((sequence, hash, _)) = first.into_iter().rev().find(|(_, _, time)| *time < before) else { return Ok(0) };
    (head.pruned_sequence, head.pruned_hash) = (sequence, hash);
    head.save(conn)?;
    let old = events::organization_id.eq(organization).and(events::sequence.le(sequence));
    Ok(diesel::delete(events::table.filter(old)).execute(conn)?)
}
