//! Endpoints of the audit trail.

mod handlers;
pub(crate) mod wire;

pub use handlers::*;
