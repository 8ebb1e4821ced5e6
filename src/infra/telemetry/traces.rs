//! Spans for OpenTelemetry: one for each request, and under it one for each wait that takes time.
//!
//! They are spans of `tracing` with a target of their own, so that `log.filter` and `[traces]` are independent: spans
//! change no log line. While traces are off there are no spans, at the cost of a relaxed load of one flag.
//!
//! Attributes are those of OpenTelemetry's semantic conventions for HTTP and databases. None has a value that a caller
//! chose, except the ids and the flag of `traceparent`: no path, no query string, no header, no SQL, no name and no
//! address of a person.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tracing::{Metadata, Span};

/// The target of all exported spans, and of nothing else.
pub(crate) const TARGET: &str = "keyward::telemetry::traces";

/// Whether spans are exported. Set once, at start-up, with the process's subscriber.
static ON: AtomicBool = AtomicBool::new(false);

/// Turns spans on.
pub(super) fn switch_on() {
    ON.store(true, Relaxed);
}

/// Returns whether spans are exported.
pub(crate) fn are_on() -> bool {
    ON.load(Relaxed)
}

/// Returns whether the exporter takes the span or event with this metadata.
pub(super) fn are_for(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// Opens a span for a wait within a request. Outside of a request, and while traces are off, the span is disabled.
pub(crate) fn wait(name: &'static str) -> Span {
    if !are_on() || Span::current().is_none() {
        return Span::none();
    }
    tracing::debug_span!(target: TARGET, "wait", otel.name = name, otel.kind = "internal")
}

/// Opens the span for work in the database, from the wait for a thread to the last row. Outside of a request, and while
/// traces are off, returns the current span.
pub(crate) fn database(system: &'static str) -> Span {
    let current = Span::current();
    if !are_on() || current.is_none() {
        return current;
    }
    tracing::debug_span!(target: TARGET, "database", otel.kind = "client", db.system.name = system)
}
