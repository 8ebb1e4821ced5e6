//! Workspaces: where work and API keys live.

mod handlers;
mod model;

pub use handlers::*;
pub use model::Workspace;
