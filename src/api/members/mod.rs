//! Endpoints of members.

mod organization;
mod wire;
mod workspace;

pub use organization::*;
pub use workspace::*;
