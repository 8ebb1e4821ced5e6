//! People: made at their first valid ID token, whoever issued it.

mod handlers;
mod model;

pub use handlers::*;
pub use model::{Profile, User};
