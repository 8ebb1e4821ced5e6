//! The one source of time. Nothing else in the program asks the operating system what time it is.

use crate::db::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
        let system = system_millis();
        // Only a test can have moved it out of chrono's years.
        Timestamp::from_millis(system.saturating_add(self.ahead.load(Ordering::Relaxed))).unwrap_or(Timestamp::EPOCH)
    }

    /// Time since some fixed moment, which only goes forward, and goes on while the machine sleeps: for measuring how
    /// long something took. Costs what reading the system's clock costs, some 20 ns.
    pub fn monotonic(&self) -> Duration {
        let ahead = u64::try_from(self.ahead.load(Ordering::Relaxed)).unwrap_or(0);
        system_monotonic() + Duration::from_millis(ahead)
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

/// Milliseconds since 1970, by the system. Negative before that.
fn system_millis() -> i64 {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

/// `CLOCK_BOOTTIME` on Linux: `CLOCK_MONOTONIC`, which std has, stands still while the machine sleeps.
fn system_monotonic() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_go_forward_together() {
        let clock = Clock::system();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now() >= now.plus(Duration::from_secs(3600)));
        assert!(clock.monotonic() >= monotonic + Duration::from_secs(3600));
    }
}
