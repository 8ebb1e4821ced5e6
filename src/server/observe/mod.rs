//! What is logged, traced and counted of each request.

mod arrival;
mod log_line;
mod metrics_listener;
mod span;
mod traces;

pub(crate) use arrival::Arrival;
pub use metrics_listener::MetricsServer;
pub use span::RequestSpan;
