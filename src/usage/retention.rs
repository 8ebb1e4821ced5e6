//! Taking away what is older than `usage.retention`.

use super::model;
use super::tally::Hour;
use crate::db::Timestamp;
use crate::error::ApiError;
use crate::state::State;
use actix_web::{rt, web};
use std::time::Duration;

/// How often it is looked for old rows, by the application's clock.
const EVERY: Duration = Duration::from_secs(3600);
/// How often it is looked whether it is time: a clock that was moved counts soon.
const LOOK: Duration = Duration::from_secs(1);

/// Prunes for ever, if there is a limit.
pub async fn keep_retention(state: web::Data<State>) {
    let kept = state.config.usage.retention;
    if kept.is_zero() {
        return;
    }
    let mut due = state.clock.monotonic();
    loop {
        let now = state.clock.monotonic();
        if now >= due {
            due = now + EVERY;
            if let Err(error) = prune(&state, state.clock.now().minus(kept)).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "old usage can't be taken away; trying again later");
            }
        }
        rt::time::sleep(LOOK).await;
    }
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
