//! [`until`]: waiting for what happens in the background.

use std::time::{Duration, Instant};

/// The longest that anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Returns when the condition holds; fails, naming `what`, if it never does.
#[track_caller]
pub fn until(what: &str, condition: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        while !condition().await {
            assert!(start.elapsed() < LIMIT, "{place}: {what}: not after {} s", LIMIT.as_secs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
