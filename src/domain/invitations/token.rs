//! [`InvitationToken`]: what accepts an invitation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The secret that accepts an invitation: 256 random bits. Its `Debug` shows nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct InvitationToken(SecretString);

impl From<SecretString> for InvitationToken {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl InvitationToken {
    /// A new one.
    pub(super) fn generate() -> Self {
        Self(format!("inv_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// The text: answered once to the admin who invites, or mailed once to the invited address.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the database knows of it.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose()).to_vec()
    }
}
