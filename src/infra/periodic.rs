//! [`keep`]: the task that takes away what is older than the configuration keeps.

use crate::base::error::ApiError;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use actix_web::rt;
use std::time::Duration;

/// How often it is looked for what is old, by the application's clock.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
/// How often it is looked whether it is time: a clock that was moved counts soon.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Takes away for ever what is older than `kept`; nothing at all if that is zero. `what` is for the log, when `prune` fails;
/// it is tried again an hour later.
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
