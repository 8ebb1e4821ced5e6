//! Taking away what is older than `usage.retention`.

use super::model;
use super::tally::Hour;
use crate::db::Timestamp;
use crate::error::ApiError;
use crate::retention;
use crate::state::State;
use actix_web::web;

/// Prunes for ever, if there is a limit.
pub async fn keep_retention(state: web::Data<State>) {
    let kept = state.config.usage.retention;
    retention::keep(state, kept, "usage", prune).await;
}

/// Takes away the hours that ended before that moment.
async fn prune(state: &State, before: Timestamp) -> Result<(), ApiError> {
    let (before, mut taken) = (Hour::of(before), 0);
    loop {
        match state.across_tenants().write(move |conn| model::prune(conn, before)).await? {
            0 => break,
            some => taken += some,
        }
    }
    if taken > 0 {
        tracing::info!(taken, "took old usage away");
    }
    Ok(())
}
