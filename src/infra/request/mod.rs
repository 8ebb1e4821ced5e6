//! The current request's id, caller and context, for code that has no `HttpRequest`.

mod caller_id;
mod context;
pub(crate) mod id;

pub use caller_id::CallerId;
pub use context::{InRequest, RequestContext, RequestOrigin};
pub use id::{RequestId, X_REQUEST_ID};
