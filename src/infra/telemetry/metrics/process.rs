//! The version and the start time of the process.

use super::{Kind, Metrics};
use crate::base::time::Timestamp;

/// Registers the version and the start time.
pub(super) fn register(metrics: &Metrics, started: Timestamp) {
    metrics.register(Kind::Gauge, "build_info", "1, with the version that runs", |readings| {
        readings.set(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    });
    let seconds = u64::try_from(started.seconds()).unwrap_or_default();
    metrics.register(
        Kind::Gauge,
        "start_time_seconds",
        "When the process started, in seconds since 1970",
        move |readings| {
            readings.set(&[], seconds);
        },
    );
}
