//! How many requests came with each API key, by the hour and by their outcome.
//!
//! # What counts, and as what
//! Each request of a key that exists counts once, in the hour in which the key was looked at:
//! - **admitted**: the key was let through to what it asked for, whatever became of that there: 200, 404, 422, 500, a
//!   time-out, a client that hung up.
//! - **limited**: 429 by the rate limits of the plan.
//! - **refused**: the key is known, and the answer was 401 or 403: the key is revoked, expired, disabled or orphaned; it may
//!   not be used from that address; its organization does not pay; another workspace was named (`workspace_mismatch`); its
//!   role or scope does not allow it; the endpoint takes no keys (`credential_not_accepted`).
//!
//! The points in the code: `ApiKeys::verify` refuses for what the key itself is; `http::authentication` has the gate, the
//! limit and the workspace, and looks at the status of whatever a guard or a handler answered; `gateway::verify` counts
//! by its verdict. `GET /forward-auth` is a request as any other. A question at `POST /keys/verify` counts for the key that
//! it is about, as one request whatever its `cost`: a key that is not in the named workspace is refused, although the
//! gateway is told `NOT_FOUND`.
//!
//! Not counted: keys that nobody has, and values that a roll ended, which belong to nobody; requests that could not be
//! decided (503 while the database or Redis can't be asked); people and services.
//!
//! # The way of a count
//! [`KeyUsage`] is in the cached record of the key: three counters and the hour that they are of. [`Usage`] has those
//! records that counted something; every few seconds it takes the counts out of them and adds them to the rows of
//! `api_key_usage`, as all nodes do: `SET n = n + more`. What can't be written is kept for the next time, and what is left
//! is written when the server stops; a crash loses what came since the last write. One thing can be counted twice: what
//! was in a transaction whose commit succeeded, while the connection broke before it said so.
//!
//! # Deleted keys
//! Their rows stay until retention takes them, so that what a workspace used does not shrink; nobody can ask for one of
//! them alone any more. The rows of a deleted workspace can't be read by anybody, and go with retention, too.

mod counts;
pub(crate) mod model;
pub(crate) mod period;
mod retention;
mod tally;

pub use counts::{Counted, CountedKey, CountedRequest, KeyUsage, Usage};
pub use retention::keep_retention;
pub use tally::{Hour, RequestOutcome, Tally};
