//! This process: its allocator, and how many files it may open.

pub mod allocator;
pub mod fd_limit;
pub mod private_file;
