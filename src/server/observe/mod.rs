//! Logs, traces and metrics of each request.

mod log_line;
mod metrics_listener;
mod request_record;
mod span;
mod traces;

pub use metrics_listener::MetricsServer;
pub(crate) use request_record::RequestRecord;
pub use span::RequestSpan;
