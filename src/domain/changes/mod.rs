//! Changes of access: one transaction that writes audit events and informs the other nodes.

mod access_change;
mod store;

pub use access_change::AccessChange;
pub use store::{Reader, ScopedStore, Store};
