//! The one source of time. Nothing else in the program asks the operating system what time it is.

use crate::db::Timestamp;
use chrono::Utc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// The system's clock, or one that a test moves by hand. Clones share the hands.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Milliseconds that the clock is ahead of the system's; zero outside tests.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { ahead: Arc::default() }
    }

    /// Now, in UTC.
    pub fn now(&self) -> Timestamp {
        let system = Utc::now().timestamp_millis();
        Timestamp::from_millis(system.saturating_add(self.ahead.load(Ordering::Relaxed)))
            .unwrap_or_else(|| Timestamp::from(Utc::now()))
    }

    /// A point to measure durations from, which no test moves: for metrics, never for decisions. About 25 ns.
    pub fn stopwatch(&self) -> Instant {
        Instant::now()
    }

    /// Moves the clock, and all its clones, forward: how tests let days pass.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}
