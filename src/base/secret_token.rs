//! [`SecretToken`]: 256 random bits as text for a client. The database stores the SHA-256 of the text.

use crate::base::input::validation::pasted_secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::marker::PhantomData;

/// The random bytes of a token.
pub(crate) const BYTES: usize = 32;

/// The purpose of a token. Tokens of two kinds are two types.
pub trait TokenKind {
    /// The start of the text.
    const PREFIX: &'static str = "";
}

/// A token: the prefix of its kind, then 32 bytes in base64url. Its `Debug` hides it.
pub struct SecretToken<K>(SecretString, PhantomData<fn() -> K>);

impl<K: TokenKind> SecretToken<K> {
    pub(crate) fn generate() -> Self {
        Self::of_bytes(rand::random())
    }

    /// Returns the token of these bytes.
    pub(crate) fn of_bytes(bytes: [u8; BYTES]) -> Self {
        let mut text = K::PREFIX.to_owned();
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self::from_client(text.into())
    }

    /// Returns the bytes of the token; `None` for another form.
    pub(crate) fn bytes(&self) -> Option<[u8; BYTES]> {
        let random = self.expose().strip_prefix(K::PREFIX)?;
        URL_SAFE_NO_PAD.decode(random).ok()?.try_into().ok()
    }

    /// Parses a client's token; `None` for another form.
    pub(crate) fn parse(text: &SecretString) -> Option<Self> {
        let token = Self::from_client(text.clone());
        token.bytes().map(|_| token)
    }
}

impl<K> SecretToken<K> {
    /// Wraps a client's text, which may have any form. The database has no hash of another form.
    pub(crate) fn from_client(text: SecretString) -> Self {
        Self(text, PhantomData)
    }

    /// Returns the text for the client.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the text, still redacted in `Debug`.
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }

    /// Returns the SHA-256 that the database stores.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose()).to_vec()
    }
}

impl<K> From<SecretString> for SecretToken<K> {
    fn from(text: SecretString) -> Self {
        Self::from_client(text)
    }
}

impl<'de, K> Deserialize<'de> for SecretToken<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        pasted_secret(deserializer).map(Self::from_client)
    }
}

impl<K> Clone for SecretToken<K> {
    fn clone(&self) -> Self {
        Self::from_client(self.0.clone())
    }
}

impl<K> fmt::Debug for SecretToken<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bare;
    struct Marked;

    impl TokenKind for Bare {}

    impl TokenKind for Marked {
        const PREFIX: &'static str = "inv_";
    }

    #[test]
    fn a_token_is_known_by_its_form() {
        let token = SecretToken::<Bare>::generate();
        assert_eq!(token.expose().len(), 43);
        assert!(SecretToken::<Bare>::parse(&token.0).is_some_and(|parsed| parsed.hash() == token.hash()));
        assert_ne!(token.hash(), SecretToken::<Bare>::generate().hash());
        for bad in ["", "short", &"!".repeat(43), &"A".repeat(44), &"é".repeat(20)] {
            assert!(SecretToken::<Bare>::parse(&(*bad).into()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_a_part_of_the_token_and_of_its_hash() {
        let token = SecretToken::<Marked>::generate();
        let random = token.expose().strip_prefix("inv_").unwrap();
        assert_eq!(token.hash(), Sha256::digest(format!("inv_{random}")).to_vec());
        assert!(SecretToken::<Marked>::parse(&token.0).is_some());
        assert!(SecretToken::<Marked>::parse(&random.into()).is_none());
    }

    #[test]
    fn debug_shows_nothing_of_the_token() {
        let token = SecretToken::<Marked>::generate();
        assert_eq!(format!("{token:?}"), "SecretToken([REDACTED])");
        assert!(!format!("{:?}", token.clone().into_secret()).contains(token.expose()));
    }
}
