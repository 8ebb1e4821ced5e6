//! The request that code works for: its id, its caller and its context, without HTTP at hand.

mod caller_id;
mod context;
pub(crate) mod id;

pub use caller_id::CallerId;
pub use context::{InRequest, RequestContext, RequestOrigin};
pub use id::{RequestId, X_REQUEST_ID};
