//! [`CallerId`]: the id of a request's caller, as logs and idempotency keys use it.

use crate::base::ids::{KeyId, ServiceTokenId, UserId};
use std::fmt;

/// The id of a user, an API key or a service token, or the user of a portal session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerId {
    User(UserId),
    ApiKey(KeyId),
    Service(ServiceTokenId),
    /// The user of a portal session, and the service token that made the session.
    PortalSession(UserId, ServiceTokenId),
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ApiKey(id) => id.fmt(f),
            Self::Service(id) => id.fmt(f),
            Self::PortalSession(user, token) => write!(f, "{user} by {token}"),
        }
    }
}
