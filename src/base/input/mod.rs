//! Input of callers: names, e-mail addresses, JSON objects.

mod parse;
pub mod validation;

pub(crate) use parse::from_slice;
