//! [`Issuer`]: somebody else whose ID tokens are accepted. Today that is a Firebase project.

use super::jwks::RemoteKeys;
use crate::config::IssuerSettings;

/// Where Google publishes the keys of all Firebase projects.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

/// An issuer.
pub(super) struct Issuer {
    /// The `iss` of its tokens, and what its users have for an issuer.
    pub(super) name: String,
    /// The `aud` of its tokens. All projects share their keys: this is what tells one's tokens from another's.
    pub(super) audience: String,
    /// What verifies them.
    pub(super) keys: RemoteKeys,
}

impl Issuer {
    /// The issuer of a Firebase project.
    pub(super) fn firebase_project(settings: &IssuerSettings) -> Self {
        let project = &settings.firebase_project;
        Self {
            name: format!("https://securetoken.google.com/{project}"),
            audience: project.clone(),
            keys: RemoteKeys::new(settings.jwks_url.clone().unwrap_or_else(|| GOOGLE_KEYS.to_owned())),
        }
    }
}
