//! The documented errors of operations. Each operation names its sets of errors in `responses(…)`.
//!
//! Every operation names one of [`Public`], [`Person`] and [`Program`], by its credentials, and the sets that its path,
//! method and body add. The sets refer to shared responses by name; `server::openapi` writes their bodies.

use crate::base::error::Code;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{Ref, RefOr, Response};

/// A response that operations share: the codes of one status.
#[derive(Debug)]
pub struct Shared {
    /// The name in `components.responses`.
    pub name: &'static str,
    /// The codes, all of one status.
    pub codes: &'static [Code],
}

macro_rules! shared_responses {
    ($($name:ident = $($code:ident)|+;)+) => {
        pub const SHARED: &[Shared] = &[$(Shared { name: stringify!($name), codes: &[$(Code::$code),+] }),+];
    };
}

shared_responses! {
    BadRequest = BadRequest;
    Unauthorized = MissingCredentials | InvalidAuthorizationFormat | InvalidApiKey | ApiKeyRevoked | ApiKeyDisabled
        | ApiKeyExpired | ApiKeyOrphaned | InvalidIdToken | IdTokenExpired | InvalidPortalSession | PortalSessionExpired;
    Forbidden = InsufficientPermission | ReadOnlyKey | CredentialNotAccepted;
    ForbiddenToProgram = InsufficientPermission | ReadOnlyKey | SubscriptionInactive | IpNotAllowed
        | WorkspaceMismatch | CredentialNotAccepted;
    NotFound = NotFound;
    Conflict = Conflict | MaxActiveKeysReached | IdempotencyKeyReused | LastOwner;
    PreconditionFailed = PreconditionFailed;
    BodyTooLarge = BodyTooLarge;
    UnsupportedMediaType = UnsupportedMediaType;
    ValidationFailed = ValidationFailed;
    RateLimited = RateLimited;
    Internal = Internal;
    Unavailable = Unavailable;
}

impl Shared {
    /// The status of all its codes.
    pub fn status(&self) -> u16 {
        self.codes.first().map_or(500, |code| code.status().as_u16())
    }
}

macro_rules! error_sets {
    ($($(#[$doc:meta])* $set:ident = $($name:ident)|+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $set;

        impl IntoResponses for $set {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                references(&[$(stringify!($name)),+])
            }
        }
    )+};
}

error_sets! {
    /// Any request, also without a credential.
    Public = BadRequest | Internal | Unavailable;
    /// A request with a person's credential.
    Person = BadRequest | Unauthorized | Forbidden | RateLimited | Internal | Unavailable;
    /// A request with a program's or a service's credential.
    Program = BadRequest | Unauthorized | ForbiddenToProgram | RateLimited | Internal | Unavailable;
    /// A path with an id: its resource may be missing.
    Missing = NotFound;
    /// A change: its resource may be missing or conflict, and its values may be invalid.
    Write = NotFound | Conflict | ValidationFailed;
    /// A change under the condition of `If-Match`.
    Conditional = PreconditionFailed;
    /// A JSON body.
    Body = BodyTooLarge | UnsupportedMediaType;
    /// A body of any media type.
    TooLarge = BodyTooLarge;
    /// Parameters or a body: their values may be invalid.
    Invalid = ValidationFailed;
}

fn references(names: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let named = SHARED.iter().filter(|shared| names.contains(&shared.name));
    named.map(|shared| (shared.status().to_string(), RefOr::Ref(Ref::from_response_name(shared.name)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_an_operation_answers_is_in_a_shared_response_of_its_status() {
        for code in Code::ALL.iter().filter(|code| **code != Code::MethodNotAllowed) {
            assert!(SHARED.iter().any(|shared| shared.codes.contains(code)), "{}", code.as_str());
        }
        for shared in SHARED {
            assert!(shared.codes.iter().all(|code| code.status().as_u16() == shared.status()), "{}", shared.name);
        }
    }

    #[test]
    fn a_set_refers_to_each_response_that_it_names() {
        assert_eq!(Write::responses().keys().collect::<Vec<_>>(), ["404", "409", "422"]);
        assert_eq!(Program::responses().len(), 6);
    }
}
