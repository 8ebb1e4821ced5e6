//! The keys that sign ID tokens, and the secret that seals them.

mod certificate;
pub(crate) mod key_ring;
pub(crate) mod master_secret;
mod signing_keys;

pub(crate) use key_ring::KeyRing;
pub use key_ring::{rotate_master_secret, rotate_signing_key};
pub(crate) use master_secret::MasterSecrets;
