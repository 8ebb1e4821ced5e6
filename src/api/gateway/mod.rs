//! The gateway's question: may this key do this? For whatever stands in front of an API that Keyward does not serve.
//!
//! Two ways to ask it. `POST /keys/verify`: a service sends the key of its client, with its own service token, and is
//! answered everything about it ([`verify_key`]). `GET /forward-auth`: a proxy passes its client's request on without the
//! body, and is answered yes or no, with headers ([`forward_auth`]). Both end in [`crate::domain::api_keys::ApiKeys::verify`], as
//! every request of a program does, and in the same cache and rate limits: what is refused here is refused there, from the
//! same moment on.

mod forward_auth;
mod verify;
mod wire;

pub use forward_auth::*;
pub use verify::*;
