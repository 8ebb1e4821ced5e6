//! Words and values that every other floor uses. Nothing here uses a floor above.

pub mod config;
pub mod error;
pub mod ids;
pub mod input;
pub mod json_number;
pub mod json_schema;
pub mod network;
pub mod paging;
pub mod policy;
pub mod secret_token;
pub mod sql;
pub mod text;
pub mod time;
