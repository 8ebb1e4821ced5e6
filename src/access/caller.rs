//! [`Caller`]: who makes a request, and the credentials it is known by.

use super::permission::Permission;
use super::role::{OrganizationRole, WorkspaceRole};
use crate::api_keys::{BroughtBy, KnownKey, PresentedKey};
use crate::error::{ApiError, Code};
use crate::ids::{KeyId, ServiceTokenId, UserId};
use crate::service_tokens::ServiceCaller;
use crate::state::State;
use crate::subscriptions::Standing;
use crate::usage::Hour;
use crate::users::User;
use secrecy::SecretString;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

/// A credential as it was sent, not yet checked.
#[derive(Clone, Debug)]
pub enum Credential<'r> {
    /// Looks like an API key: it starts with the configured prefix, or came in a header for keys.
    ApiKey(PresentedKey<'r>),
    /// Starts with `svc_`.
    ServiceToken(PresentedKey<'r>),
    /// Anything else after `Bearer`.
    IdToken(SecretString),
}

/// Who makes this request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person, by ID token.
    User(User),
    /// A program, by API key.
    ApiKey(KeyCaller),
    /// A gateway or another service, by service token.
    Service(ServiceCaller),
}

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

/// A program: its key (by `Deref`), and what the key may do at this moment. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KeyCaller {
    key: Arc<KnownKey>,
    /// The creator's role in the organization, now.
    pub organization_role: OrganizationRole,
    /// The creator's role in the workspace, now.
    pub role: WorkspaceRole,
    /// The organization's subscription, now.
    pub subscription: Standing,
    /// When it was found good.
    pub hour: Hour,
}

impl KeyCaller {
    /// Of a key that was found good.
    pub fn new(
        key: Arc<KnownKey>,
        organization_role: OrganizationRole,
        role: WorkspaceRole,
        subscription: Standing,
        hour: Hour,
    ) -> Self {
        Self { key, organization_role, role, subscription, hour }
    }

    /// The key alone, as the cache shares it.
    pub fn shared(&self) -> &Arc<KnownKey> {
        &self.key
    }

    /// The key alone.
    pub fn into_key(self) -> Arc<KnownKey> {
        self.key
    }

    /// Whether it may do this in its workspace.
    ///
    /// # Errors
    /// `read_only_key`, `insufficient_permission`
    pub fn ensure_may(&self, permission: Permission) -> Result<(), ApiError> {
        if !permission.kept_by(self.scope) {
            return Err(Code::ReadOnlyKey.into());
        }
        if !permission.held_in_workspace(self.role) {
            return Err(Code::InsufficientPermission.into());
        }
        Ok(())
    }
}

impl Deref for KeyCaller {
    type Target = KnownKey;

    fn deref(&self) -> &KnownKey {
        &self.key
    }
}

impl Caller {
    /// The id that logs and idempotency keys know the caller by.
    pub fn id(&self) -> CallerId {
        match self {
            Self::User(user) => CallerId::User(user.id),
            Self::ApiKey(key) => CallerId::ApiKey(key.key_id),
            Self::Service(service) => CallerId::Service(service.id),
        }
    }

    /// The person, where only a person will do.
    ///
    /// # Errors
    /// `credential_not_accepted` for a program and a service.
    pub fn user(&self) -> Result<&User, ApiError> {
        match self {
            Self::User(user) => Ok(user),
            Self::ApiKey(_) | Self::Service(_) => Err(Code::CredentialNotAccepted.into()),
        }
    }
}

/// Finds out who is behind a credential: the one place where credentials become callers, and the seam of the cache.
///
/// Cost: no statement for an API key or a service token in the cache, else one SELECT; for an ID token one RSA
/// verification and one SELECT.
///
/// # Errors
/// A 401 code that says what is wrong with the credential; `ip_not_allowed`; `unavailable` when it can't be checked.
pub async fn verify(state: &State, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Caller, ApiError> {
    match credential {
        Credential::ApiKey(key) => {
            let verified = state.api_keys.verify(state, *key, from, BroughtBy::ItsUser).await;
            verified.map(Caller::ApiKey).map_err(|refused| refused.error)
        }
        Credential::ServiceToken(token) => state.service_tokens.verify(state, *token).await.map(Caller::Service),
        // In a box, so that the future of a key in the cache is small to move.
        Credential::IdToken(token) => Box::pin(state.identity.verify(state, token)).await.map(Caller::User),
    }
}
