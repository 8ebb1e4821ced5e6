//! The life cycle of keys: create, change, roll, disable, revoke, transfer and delete, one by one and in bulk.

mod filter;
pub(crate) mod lifecycle;
mod revoke;
mod transfer;

pub use filter::{KeyFilter, KeyPrefix, MAX_BATCH, Selected};
pub use lifecycle::issue;
pub use transfer::{Removed, RemovedKeys};
