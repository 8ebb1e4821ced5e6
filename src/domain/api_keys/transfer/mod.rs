//! Keys move: import from another product, export to another server.

pub mod export;
pub mod import;
