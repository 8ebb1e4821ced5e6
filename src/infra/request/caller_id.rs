//! [`CallerId`]: who makes a request, by the id that logs and idempotency keys use.

use crate::base::ids::{KeyId, ServiceTokenId, UserId};
use std::fmt;

/// The caller's id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerId {
    /// A person's.
    User(UserId),
    /// A program's: its key's.
    ApiKey(KeyId),
    /// A service's: its token's.
    Service(ServiceTokenId),
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ApiKey(id) => id.fmt(f),
            Self::Service(id) => id.fmt(f),
        }
    }
}
