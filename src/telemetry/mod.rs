//! Logs and metrics: one structured line for each request that is worth one, a count for each, and never a secret.
//!
//! A request's way: [`RequestContext`] keeps what it brought and travels with its task; [`RequestSpan`] counts it and
//! writes its line when it ends. `logs` puts the request's id on every line that its code logs.

mod context;
mod logs;
pub mod metrics;
mod request_lines;
mod request_span;

pub use context::{InRequest, RequestContext, RequestOrigin};
pub use logs::{LogWriter, init, log_panics};
pub use metrics::Metrics;
pub use request_span::RequestSpan;
