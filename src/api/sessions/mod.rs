//! `/me/sessions`: a person's sign-ins at the built-in identity provider.

mod device;
mod handlers;
mod wire;

pub use handlers::*;
