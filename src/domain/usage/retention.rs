//! Deletes usage that is older than `usage.retention`.

use super::model;
use super::tally::Hour;
use crate::base::error::ApiError;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::infra::db::Db;
use crate::infra::periodic;
use std::time::Duration;

/// Prunes forever, if a limit is configured.
pub async fn keep_retention(db: Db, clock: Clock, kept: Duration) {
    periodic::keep(&clock, kept, "usage", async |before| prune(&db, before).await).await;
}

/// Deletes the hours that ended before the moment.
async fn prune(db: &Db, before: Timestamp) -> Result<(), ApiError> {
    let (before, mut taken) = (Hour::of(before), 0);
    loop {
        match db.for_all_tenants().write(move |conn| model::prune(conn, before)).await? {
            0 => break,
            some => taken += some,
        }
    }
    if taken > 0 {
        tracing::info!(taken, "deleted old usage");
    }
    Ok(())
}
