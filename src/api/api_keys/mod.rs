//! Endpoints of API keys.

mod bulk_revoke;
mod handlers;
mod revoke_self;
mod wire;

pub use bulk_revoke::*;
pub use handlers::*;
pub use revoke_self::*;
