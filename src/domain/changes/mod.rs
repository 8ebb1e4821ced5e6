//! Changes of access: one transaction that tells the other nodes and the audit trail.

mod access_change;
mod store;

pub use access_change::AccessChange;
pub use store::{ScopedStore, Store};
