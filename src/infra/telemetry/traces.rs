//! Spans for OpenTelemetry: one for each request, and under it one for each wait that takes time.
//!
//! They are spans of `tracing` under a target of their own, so that `log.filter` and `[traces]` decide apart: no line more
//! or less is logged because of them. Where traces are off there are none: a relaxed load of one flag is what that costs.
//!
//! Attributes are those of OpenTelemetry's semantic conventions for HTTP and databases. None holds what a caller chose,
//! save the ids and the flag of its `traceparent`: no path, no query, no header, no text of a query, no name and no
//! address of a person.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tracing::{Metadata, Span};

/// Of all spans that leave, and of nothing else.
pub(crate) const TARGET: &str = "keyward::telemetry::traces";

/// Whether spans leave this process. Set once, at start-up, where the process's subscriber is.
static ON: AtomicBool = AtomicBool::new(false);

/// From now on spans are opened.
pub(super) fn switch_on() {
    ON.store(true, Relaxed);
}

/// Whether spans leave this process.
pub(crate) fn are_on() -> bool {
    ON.load(Relaxed)
}

/// What the exporter takes of all that `tracing` is told.
pub(super) fn are_for(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// A span for a wait within a request; none outside of one, or where traces are off.
pub(crate) fn wait(name: &'static str) -> Span {
    if !are_on() || Span::current().is_none() {
        return Span::none();
    }
    tracing::debug_span!(target: TARGET, "wait", otel.name = name, otel.kind = "internal")
}

/// The span for work in the database, from the wait for a thread to the last row. Outside of a request, or where traces are
/// off, the current one, if any.
pub(crate) fn database(system: &'static str) -> Span {
    let current = Span::current();
    if !are_on() || current.is_none() {
        return current;
    }
    tracing::debug_span!(target: TARGET, "database", otel.kind = "client", db.system.name = system)
}
