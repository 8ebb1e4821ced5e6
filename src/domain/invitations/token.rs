//! [`InvitationToken`]: the secret that accepts an invitation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A secret of 256 random bits. Its `Debug` shows nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct InvitationToken(SecretString);

impl From<SecretString> for InvitationToken {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl InvitationToken {
    pub(super) fn generate() -> Self {
        Self(format!("inv_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// Returns the text: answered once to the inviting admin, or mailed once to the invited address.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the SHA-256 that the database stores.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose()).to_vec()
    }
}
