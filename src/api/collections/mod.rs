//! Endpoints of the configured collections, and their part of the OpenAPI document.

mod documentation;
mod extractor;
mod handlers;
pub(crate) mod routes;
mod wire;

pub use documentation::{TAG, schemas};
pub use routes::routes;
