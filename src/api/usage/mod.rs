//! Endpoints of usage.

mod handlers;
mod wire;

pub use handlers::*;
