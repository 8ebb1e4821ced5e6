//! [`GithubKeys`]: whether GitHub sent a body. ECDSA on P-256 with SHA-256 over the raw bytes, DER in base64, by a key that
//! GitHub publishes under an id.

use crate::base::config::GithubScanning;
use crate::base::error::{ApiError, Code};
use crate::base::time::Clock;
use crate::infra::remote_keys::{RefreshPolicy, RemoteKeys, Source};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

/// The header that names the key.
pub(crate) const KEY_IDENTIFIER: &str = "github-public-key-identifier";
/// The header with the signature.
pub(crate) const SIGNATURE: &str = "github-public-key-signature";

/// GitHub allows a caller without a token 60 requests an hour, all its pages together: ids that somebody makes up must not
/// use those up.
const PACE: RefreshPolicy = RefreshPolicy {
    least_fresh: Duration::from_secs(3_600),
    after_success: Duration::from_secs(600),
    after_failure: Duration::from_secs(60),
};

/// A public key: the DER of its SubjectPublicKeyInfo.
type GithubPublicKey = Vec<u8>;

/// GitHub's public keys, fetched and kept.
pub struct GithubKeys(RemoteKeys<GithubPublicKey>);

impl GithubKeys {
    /// Fetches nothing yet.
    pub fn new(settings: &GithubScanning) -> Self {
        let source = Source::Keys(settings.public_keys_url.clone());
        Self(RemoteKeys::of(source, Box::new(published), settings.fetch_timeout, PACE))
    }

    /// Whether GitHub signed these bytes.
    ///
    /// # Errors
    /// 401 when it did not; `unavailable` when its keys can't be had.
    pub(crate) async fn verify(
        &self,
        clock: &Clock,
        id: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<(), ApiError> {
        let refused = || ApiError::with_message(Code::InvalidApiKey, "The signature is not GitHub's over this body.");
        let (id, signature) = id.zip(signature).ok_or_else(refused)?;
        let signature = STANDARD.decode(signature).map_err(|_| refused())?;
        let key = self.0.find(id, clock).await.map_err(|error| match error.code {
            Code::InvalidIdToken => refused(),
            _ => error.saying("GitHub's keys can't be fetched now. Try again later."),
        })?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(body, &signature).map_err(|_| refused())
    }
}

/// The keys of GitHub's answer. One that can't be read is passed over; an answer without any is refused.
fn published(json: &[u8]) -> Result<HashMap<String, GithubPublicKey>, String> {
    #[derive(Deserialize)]
    struct PublishedKeys {
        public_keys: Vec<Key>,
    }
    #[derive(Deserialize)]
    struct Key {
        key_identifier: String,
        key: String,
    }
    let answer: PublishedKeys =
        serde_json::from_slice(json).map_err(|error| format!("not a list of public keys: {error}"))?;
    let of_pem = |pem: &str| SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok().map(|der| der.to_vec());
    let keys: HashMap<String, GithubPublicKey> =
        answer.public_keys.into_iter().filter_map(|key| Some((key.key_identifier, of_pem(&key.key)?))).collect();
    if keys.is_empty() { Err("the list has no public key".to_owned()) } else { Ok(keys) }
}
