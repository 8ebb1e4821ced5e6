//! [`Caller`]: the authenticated caller of a request. [`verify`] finds it by the request's [`Credential`].

use crate::api::State;
use crate::base::error::{ApiError, Code};
use crate::domain::api_keys::KeyCaller;
use crate::domain::api_keys::{PresentedBy, PresentedKey};
use crate::domain::portal_sessions::PortalSession;
use crate::domain::service_tokens::ServiceCaller;
use crate::domain::tenancy::SignedInUser;
use crate::infra::request::CallerId;
use secrecy::SecretString;
use std::net::IpAddr;

/// A credential as it was sent, not yet checked.
#[derive(Clone, Debug)]
pub enum Credential<'r> {
    /// Looks like an API key: it starts with the configured prefix, or came in a header for keys.
    ApiKey(PresentedKey<'r>),
    /// Starts with `svc_`.
    ServiceToken(PresentedKey<'r>),
    /// Says by its `typ` that it is one.
    PortalSession(SecretString),
    /// Anything else after `Bearer`.
    IdToken(SecretString),
}

impl Credential<'_> {
    /// Names the kind, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "an API key",
            Self::ServiceToken(_) => "a service token",
            Self::PortalSession(_) => "a portal session",
            Self::IdToken(_) => "a person's ID token",
        }
    }
}

/// The authenticated caller of a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person, by ID token.
    User(SignedInUser),
    /// A program, by API key.
    ApiKey(KeyCaller),
    /// A gateway or another service, by service token.
    Service(ServiceCaller),
    /// A member's browser, by a portal session.
    Portal(PortalSession),
}

impl Caller {
    /// The caller's id in logs and idempotency keys.
    pub fn id(&self) -> CallerId {
        match self {
            Self::User(user) => CallerId::User(user.id),
            Self::ApiKey(key) => CallerId::ApiKey(key.key_id),
            Self::Service(service) => CallerId::Service(service.id()),
            Self::Portal(session) => CallerId::PortalSession(session.user_id(), session.made_by()),
        }
    }

    /// Returns the person.
    ///
    /// # Errors
    /// `credential_not_accepted` for a program, a service and a portal session.
    pub fn user(&self) -> Result<&SignedInUser, ApiError> {
        match self {
            Self::User(user) => Ok(user),
            Self::ApiKey(_) | Self::Service(_) | Self::Portal(_) => Err(Code::CredentialNotAccepted.into()),
        }
    }
}

/// Verifies a credential, and returns its caller. A portal session's origins are `authentication`'s to check. All credentials become callers here, and the cache is used here.
///
/// Cost: no statement for an API key or a service token in the cache, else one SELECT; for an ID token one RSA
/// verification and one SELECT.
///
/// # Errors
/// A 401 code with the fault of the credential; `ip_not_allowed`; `unavailable` when it can't be checked.
pub async fn verify(state: &State, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Caller, ApiError> {
    match credential {
        Credential::ApiKey(key) => {
            let verified = state.api_keys.verify(*key, from, PresentedBy::Client).await;
            verified.map(Caller::ApiKey).map_err(|refused| refused.error)
        }
        Credential::ServiceToken(token) => state.service_tokens.verify(*token).await.map(Caller::Service),
        Credential::PortalSession(token) => {
            Box::pin(async move {
                let opened = state.portal_sessions.open(&state.identity, token).await?;
                state.portal_sessions.admit(opened).await.map(Caller::Portal)
            })
            .await
        }
        // In a box, so that the future is small to move for a cached key.
        Credential::IdToken(token) => Box::pin(state.identity.verify(token)).await.map(Caller::User),
    }
}
