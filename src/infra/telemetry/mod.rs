//! Logs, metrics and traces. None of them has a secret in it.
//!
//! `logs` puts the request's id on each line of its code, [`metrics`] has the counters and histograms, and [`traces`]
//! are the spans that [`TraceExport`] sends to a collector. `server::observe` uses them for each request: its
//! `RequestRecord` counts the request and writes its line, its `RequestSpan` is the span around it.

mod logs;
pub mod metrics;
mod trace_export;
pub(crate) mod traces;

pub(crate) use logs::is_detailed;
pub use logs::{LogWriter, init, log_panics};
pub use metrics::Metrics;
pub use trace_export::TraceExport;
