//! The life cycle of keys: create, change, roll, disable, revoke, transfer and delete, one by one and in bulk.
//!
//! [`giving`] bounds what a caller gives to a key.

mod filter;
pub(crate) mod giving;
mod heirs;
pub(crate) mod lifecycle;
mod orphaning;
mod revoke;
mod transfer;

pub use filter::{KeyFilter, KeyPrefix, MAX_BATCH, Selected};
pub use heirs::{Heir, TransferMode};
pub use lifecycle::{KeyRules, issue};
pub use orphaning::RemovedMember;
pub use transfer::{RemovedKeys, RolledKey};
