//! The one source of time. Nothing else in the program reads the operating system's clocks.
//!
//! An expired key stays expired: the time never runs backwards while the process lives. It is counted from the
//! monotonic clock, and the system's clock only gives the offset of that from UTC. When the system's clock is set
//! forward, so is ours. When it is set back, ours goes on as if nothing had happened, at its usual pace: keys still
//! expire when they should have. After correcting a clock that ran ahead, restart the servers.

use crate::base::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system's clock, or one that a test moves. Clones move together.
#[derive(Clone, Debug)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Milliseconds that both clocks are ahead of the system's; zero outside tests.
    ahead: AtomicI64,
    /// Milliseconds that the system's clock seems to have been set back; zero outside tests.
    set_back: AtomicI64,
    /// Nanoseconds from the monotonic clock to UTC: the largest offset seen so far.
    offset: AtomicI64,
    /// Whether the log already says that the system's clock is behind.
    has_warned: AtomicBool,
}

/// The result of one reading of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In UTC: see [`Clock::now`].
    pub now: Timestamp,
    /// See [`Clock::monotonic`].
    pub monotonic: Duration,
    /// The monotonic time, which no test moves.
    system: Duration,
}

impl Moment {
    /// Returns the time since then: for metrics, never for decisions, since no test moves it. Costs one reading of the
    /// system's clock.
    pub fn elapsed(&self) -> Duration {
        system_monotonic().saturating_sub(self.system)
    }
}

/// Nanoseconds. A clock that is behind by more was set back; a leap second's correction makes less.
const WARN_BEHIND: i64 = 1_000_000_000;

impl Clock {
    pub fn system() -> Self {
        Self {
            shared: Arc::new(Shared {
                ahead: AtomicI64::new(0),
                set_back: AtomicI64::new(0),
                offset: AtomicI64::new(i64::MIN),
                has_warned: AtomicBool::new(false),
            }),
        }
    }

    /// Returns the time in UTC, never earlier than any clone returned before.
    ///
    /// Costs two readings of the system's clocks, some 45 ns, and three loads; it writes only when the clock was set.
    pub fn now(&self) -> Timestamp {
        self.look().now
    }

    /// Reads [`Clock::now`] and [`Clock::monotonic`] at once, at the cost of the former alone.
    pub fn look(&self) -> Moment {
        let shared = &*self.shared;
        // UTC first: a pause between the two makes the offset too small, which is ignored, and never too large.
        let utc = system_utc();
        let system = system_monotonic();
        let monotonic = signed_nanoseconds(system);
        let offset = utc - monotonic - shared.set_back.load(Ordering::Relaxed).saturating_mul(1_000_000);
        let known = shared.offset.load(Ordering::Relaxed);
        let most = if offset > known { shared.offset.fetch_max(offset, Ordering::Relaxed).max(offset) } else { known };
        if most - offset > WARN_BEHIND || shared.has_warned.load(Ordering::Relaxed) {
            self.warn_behind(Duration::from_nanos(u64::try_from(most - offset).unwrap_or(0)));
        }
        let ahead = shared.ahead.load(Ordering::Relaxed);
        let milliseconds = (monotonic.saturating_add(most)) / 1_000_000;
        // Only a test can move the time out of chrono's years.
        let now = Timestamp::from_millis(milliseconds.saturating_add(ahead)).unwrap_or(Timestamp::EPOCH);
        Moment { now, monotonic: system + Duration::from_millis(u64::try_from(ahead).unwrap_or(0)), system }
    }

    /// Logs a warning when the system's clock falls behind, once until it is right again.
    fn warn_behind(&self, behind: Duration) {
        let is_behind = signed_nanoseconds(behind) > WARN_BEHIND;
        // A pause between the two readings can make the clock seem right again for a moment.
        if self.shared.has_warned.swap(is_behind, Ordering::Relaxed) != is_behind && is_behind {
            tracing::warn!(
                seconds = behind.as_secs_f64(),
                "the system's clock was set back; Keyward goes on by the time before, so that nothing that has expired \
                 becomes valid again. If the clock was wrong before, start Keyward anew."
            );
        }
    }

    /// Returns the time since a fixed moment, which only goes forward, and goes on while the machine sleeps: for
    /// measuring durations. Costs one reading of the system's clock, some 20 ns.
    pub fn monotonic(&self) -> Duration {
        let ahead = u64::try_from(self.shared.ahead.load(Ordering::Relaxed)).unwrap_or(0);
        system_monotonic() + Duration::from_millis(ahead)
    }

    /// Moves the clock and all its clones forward, for tests.
    pub fn advance(&self, by: Duration) {
        self.shared.ahead.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Simulates that the system's clock was set back, for tests. The monotonic clock is not affected.
    pub fn set_system_back(&self, by: Duration) {
        self.shared.set_back.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// Returns the nanoseconds of a duration; of more than five centuries, `u64::MAX`.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn signed_nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the system's time in nanoseconds since 1970; negative before that.
fn system_utc() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => signed_nanoseconds(since),
        Err(before) => -signed_nanoseconds(before.duration()),
    }
}

/// Reads `CLOCK_BOOTTIME` on Linux: `CLOCK_MONOTONIC`, which std uses, stops while the machine sleeps.
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

    #[test]
    fn a_system_clock_that_is_set_back_changes_nothing_and_one_that_is_set_forward_is_followed() {
        let (clock, hour) = (Clock::system(), Duration::from_secs(3600));
        let before = clock.now();
        clock.set_system_back(hour);
        let after = clock.now();
        assert!(after >= before && after < before.plus(Duration::from_secs(60)));
        clock.advance(hour);
        assert!(clock.now() >= after.plus(hour), "it stands still");

        let behind = Clock::system();
        behind.set_system_back(hour);
        let early = behind.now();
        assert!(early <= before.minus(Duration::from_secs(3500)), "a new process takes the time as it is");
        behind.shared.set_back.store(0, Ordering::Relaxed);
        assert!(behind.now() >= before);
    }

    #[test]
    fn time_never_runs_backwards_whoever_looks() {
        let clock = Clock::system();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last = clock.now();
                    for _ in 0..20_000 {
                        let now = clock.now();
                        assert!(now >= last);
                        last = now;
                    }
                });
            }
        });
    }
}
