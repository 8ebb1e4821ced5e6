//! This process: its allocator, and how many files it may open.

pub mod allocator;
mod drain;
pub mod fd_limit;
pub mod private_file;

pub use drain::Drain;
