//! Where log lines go.

use crate::config::{Log, LogFormat};
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends log lines to standard error, as configured. Called once, at start-up.
///
/// # Errors
/// A text for the operator, when `log.filter` is malformed or logging was set up before.
pub fn init(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| format!("log.filter: {error}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).finish().try_init(),
        LogFormat::Pretty => lines.finish().try_init(),
    }
    .map_err(|error| error.to_string())
}

/// Logs panics instead of printing them, so that they carry the request's span.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("(not text)");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(message, place, "panic");
    }));
}
