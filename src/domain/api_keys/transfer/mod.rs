//! Import of keys from another product, and export to another server.

pub mod csv;
pub mod export;
pub mod import;
