//! The running program: the application, its routes, its middleware, and the OpenAPI document.

pub mod app;
mod cors;
pub mod error_responses;
mod expectation;
mod fast_path;
mod limits;
mod listener;
mod malformed;
pub mod observe;
pub mod openapi;
mod pipeline;
pub mod routes;
mod security_headers;
mod security_txt;
mod slow_client_timeout;
mod stack;
pub mod swagger;
mod unread_body;

pub use app::{Application, build};
pub use fast_path::FastPath;
pub use listener::listen;
pub use stack::stack;
