//! Counts the requests of each API key by hour and outcome.
//!
//! # Requests and outcomes
//! Each request of an existing key counts once, in the hour in which the key was verified:
//! - **admitted**: the key was admitted to the endpoint, whatever the answer was: 200, 404, 422, 500, a timeout, a
//!   client that disconnected.
//! - **limited**: 429 by the rate limits of the plan.
//! - **refused**: the key exists, and the answer was 401 or 403: the key is revoked, expired, disabled or orphaned; it
//!   may not be used from the address; its organization's subscription is inactive; the request names another workspace
//!   (`workspace_mismatch`); the key's role or scope does not allow the request; the endpoint takes no keys
//!   (`credential_not_accepted`).
//!
//! The code: `ApiKeys::verify` counts refusals for the key's own state. `api::authentication` has the gate, the limit
//! and the workspace, and checks the status of the answer of a guard or a handler. `api::gateway::verify` counts by its
//! verdict. `GET /forward-auth` is a request like any other. `POST /keys/verify` counts for the key in the body, as one
//! request whatever its `cost`. A key outside the named workspace counts as refused, although the gateway gets
//! `NOT_FOUND`.
//!
//! Not counted: unknown keys; values that a roll has ended, since no key has them any more; requests that could not be
//! decided (503 while the database or Redis can't be reached); users and services.
//!
//! # The way of a count
//! [`KeyUsage`] is in the cached record of the key: three counters and their hour. [`Usage`] lists the records with
//! counts. Every few seconds it takes the counts out of them and adds them to the rows of `api_key_usage`, as all nodes
//! do: `SET n = n + more`. Unwritten counts are kept for the next flush, and are written when the server stops. A crash
//! loses the counts since the last flush. Counts can double in one case: the commit of their transaction succeeded, but
//! the connection broke before the database confirmed it.
//!
//! # Deleted keys
//! Their rows stay until retention deletes them, so that a workspace's usage does not shrink. The usage of a deleted
//! key alone can't be queried any more. The rows of a deleted workspace can't be read at all, and retention deletes
//! them, too.

mod counts;
pub(crate) mod model;
pub(crate) mod period;
mod retention;
mod tally;

pub use counts::{Counted, CountedKey, CountedRequest, KeyUsage, Usage};
pub use retention::keep_retention;
pub use tally::{Hour, RequestOutcome, Tally};
