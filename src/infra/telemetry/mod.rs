//! Logs and metrics: one structured line for each request that is worth one, a count for each, and never a secret.
//!
//! A request's way: [`RequestContext`] travels with its task; [`RequestRecord`] keeps what it brought, and when it ends counts it
//! and writes its line. `logs` puts the request's id on every line that its code logs; [`RequestSpan`] is the span
//! around it, where one is wanted; [`traces`] are the spans that leave for a collector, through [`TraceExport`].

mod logs;
pub mod metrics;
mod trace_export;
pub(crate) mod traces;

pub(crate) use logs::is_detailed;
pub use logs::{LogWriter, init, log_panics};
pub use metrics::Metrics;
pub use trace_export::TraceExport;
