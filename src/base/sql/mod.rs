//! SQL on two databases: the connection, the schema, and the types and query shapes that diesel's multi-backend lacks.
//!
//! `text_enum!` makes enums that both backends read and write; [`ForUpdate`], [`rows_of_parameters`] and `each!` cover
//! the statements that the multi-backend refuses.

mod connection;
mod json;
mod portable;
pub mod schema;
pub mod sql_types;
mod url;

pub use connection::{Conn, MultiBackend};
pub(crate) use connection::{MultiRawValue, each};
pub use json::JsonObject;
pub(crate) use portable::text_enum;
pub use portable::{Columns, ForUpdate, rows_of_parameters};
pub use url::DatabaseUrl;
