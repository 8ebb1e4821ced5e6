//! Service tokens: how a gateway or another service proves itself. The operator makes them on the command line.
//!
//! They look like API keys with the prefix `svc_`, are shown once, and are kept as their SHA-256.

mod model;

pub use model::ServiceToken;

use crate::api_keys::{KeyFormat, LastUsed, PlaintextKey};
use crate::error::{ApiError, Code};
use crate::ids::ServiceTokenId;
use crate::state::State;

/// What every service token starts with; no API key may.
pub const PREFIX: &str = "svc_";

/// A service, as the caller of a request.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    /// The token's record.
    pub id: ServiceTokenId,
}

/// The room's share of the state.
#[derive(Debug)]
pub struct ServiceTokens {
    format: KeyFormat,
    /// Uses not yet written.
    pub last_used: LastUsed<ServiceTokenId>,
}

impl Default for ServiceTokens {
    fn default() -> Self {
        Self { format: KeyFormat::base62(PREFIX), last_used: LastUsed::of_table("service_tokens") }
    }
}

impl ServiceTokens {
    /// A fresh token's text.
    pub fn generate(&self) -> PlaintextKey {
        self.format.generate()
    }

    /// What may be shown of a token.
    pub fn preview(&self, token: &PlaintextKey) -> String {
        self.format.preview(token)
    }

    /// Which service is behind a token. One SELECT; a typo costs none.
    ///
    /// # Errors
    /// `invalid_api_key`, `api_key_revoked`; `unavailable` when the database can't be asked.
    pub async fn verify(&self, state: &State, token: &PlaintextKey) -> Result<ServiceCaller, ApiError> {
        let unknown = || ApiError::with_message(Code::InvalidApiKey, "The service token is not valid.");
        if !self.format.recognizes(token) {
            return Err(unknown());
        }
        let hash = token.hash();
        let found = state.db.read(move |conn| ServiceToken::of_hash(conn, &hash)).await?.ok_or_else(unknown)?;
        if found.revoked_at.is_some() {
            return Err(ApiError::with_message(Code::ApiKeyRevoked, "The service token has been revoked."));
        }
        self.last_used.note(found.id, state.clock.now());
        Ok(ServiceCaller { id: found.id })
    }
}
