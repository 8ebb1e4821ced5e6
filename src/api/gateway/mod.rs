//! Verification of keys for gateways and proxies in front of APIs that Keyward does not serve.
//!
//! `POST /keys/verify` ([`verify_key`]): a service sends its client's key with its own service token, and gets the
//! facts about the key. `GET /forward-auth` ([`forward_auth()`]): a proxy forwards its client's request without the body,
//! and gets 200 with headers, or an error. Both use [`crate::domain::api_keys::ApiKeys::verify`], the cache and the
//! rate limits, as all requests of programs do. So a key is refused here from the same moment on as at Keyward's other
//! endpoints.

mod forward_auth;
mod verify;
mod wanted;
mod wire;

pub use forward_auth::*;
pub use verify::*;
