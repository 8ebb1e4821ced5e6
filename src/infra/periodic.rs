//! [`keep`]: the task that deletes rows older than a configured time.

use crate::base::error::ApiError;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use actix_web::rt;
use std::time::Duration;

/// The time between two deletions, by the application's clock.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
/// How often the clock is read, so that a moved clock takes effect soon.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Deletes rows older than `kept`, for ever; returns at once if `kept` is zero. `what` names the rows in the log if
/// `prune` fails. A failed `prune` runs again an hour later.
pub(crate) async fn keep(
    clock: &Clock,
    kept: Duration,
    what: &'static str,
    prune: impl AsyncFn(Timestamp) -> Result<(), ApiError>,
) {
    if kept.is_zero() {
        return;
    }
    let mut due = clock.monotonic();
    loop {
        let now = clock.monotonic();
        if now >= due {
            due = now + PRUNE_INTERVAL;
            if let Err(error) = prune(clock.now().minus(kept)).await {
                tracing::warn!(%error, cause = error.cause(), what, "what is old can't be taken away; trying again later");
            }
        }
        rt::time::sleep(POLL_INTERVAL).await;
    }
}
