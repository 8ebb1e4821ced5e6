//! [`Caller`]: who makes a request, and the credentials it is known by.

use super::role::{OrganizationRole, WorkspaceRole};
use crate::api_keys::{PlaintextKey, Scope};
use crate::error::{ApiError, Code};
use crate::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::service_tokens::ServiceCaller;
use crate::state::State;
use crate::subscriptions::Status;
use crate::users::User;
use secrecy::SecretString;
use std::net::IpAddr;

/// A credential as it was sent, not yet checked.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Looks like an API key: it starts with the configured prefix, or came in a header for keys.
    ApiKey(PlaintextKey),
    /// Starts with `svc_`.
    ServiceToken(PlaintextKey),
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

/// A program: its key, and what the key may do at this moment.
#[derive(Clone, Debug)]
pub struct KeyCaller {
    /// The key's record.
    pub key_id: KeyId,
    /// The name its creator gave it.
    pub name: Option<String>,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// That workspace's organization.
    pub organization_id: OrganizationId,
    /// Whose role it inherits.
    pub creator_id: UserId,
    /// The creator's role in the organization, now.
    pub organization_role: OrganizationRole,
    /// The creator's role in the workspace, now.
    pub role: WorkspaceRole,
    /// What the key keeps of it.
    pub scope: Scope,
    /// The organization's subscription, now.
    pub subscription: Status,
    /// The organization's plan.
    pub plan: String,
}

impl Caller {
    /// The id that logs and idempotency keys know the caller by.
    pub fn id(&self) -> &str {
        match self {
            Self::User(user) => user.id.as_str(),
            Self::ApiKey(key) => key.key_id.as_str(),
            Self::Service(service) => service.id.as_str(),
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
/// Cost today: one SELECT for an API key or a service token; for an ID token one RSA verification and one SELECT.
///
/// # Errors
/// A 401 code that says what is wrong with the credential; `ip_not_allowed`; `unavailable` when it can't be checked.
pub async fn verify(state: &State, credential: &Credential, from: Option<IpAddr>) -> Result<Caller, ApiError> {
    match credential {
        Credential::ApiKey(key) => state.api_keys.verify(state, key, from).await.map(Caller::ApiKey),
        Credential::ServiceToken(token) => state.service_tokens.verify(state, token).await.map(Caller::Service),
        Credential::IdToken(token) => state.identity.verify(state, token).await.map(Caller::User),
    }
}
