//! Organizations: the paying customers, each with members, workspaces and a subscription.

mod handlers;
mod model;

pub use handlers::*;
pub use model::Organization;
