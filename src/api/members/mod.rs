//! Endpoints of members.

mod organization;
mod removal;
mod wire;
mod workspace;

pub use organization::*;
pub use workspace::*;
