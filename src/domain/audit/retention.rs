//! Taking away what is older than `audit.retention_days`, from the oldest on.
//!
//! The head keeps the hash of the last event that went, so what is left is still a chain that hangs on something.

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

/// The most events that one transaction takes away, so that nobody who writes one waits long.
const BATCH: i64 = 1_000;

/// Prunes for ever, if there is a limit.
pub async fn keep_retention(db: Db, clock: Clock, retention_days: u16) {
    let kept = Duration::from_secs(u64::from(retention_days) * 86_400);
    periodic::keep(&clock, kept, "audit events", async |before| prune(&db, before).await).await;
}

/// Takes away all events from before that moment.
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
