//! Logs: one structured line for each request, and never a secret in it.

mod logs;
mod request_span;

pub use logs::{init, log_panics};
pub use request_span::RequestSpan;
