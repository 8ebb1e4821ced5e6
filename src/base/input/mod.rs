//! Input of callers: names, e-mail addresses, JSON objects.

pub mod email;
mod parse;
pub mod person_name;
pub(crate) mod plain;
pub mod validation;

pub(crate) use parse::from_slice;
