//! [`GithubKeys`]: verifies that GitHub sent a body. The signature is ECDSA on P-256 with SHA-256 over the raw bytes,
//! as DER in base64. GitHub publishes its public keys with ids.

use crate::base::config::GithubScanning;
use crate::base::error::{ApiError, Code};
use crate::base::time::Clock;
use crate::domain::access::CallerProof;
use crate::infra::remote_keys::{Meanwhile, RefreshPolicy, RemoteKeys, Source};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

/// GitHub allows 60 unauthenticated requests an hour for its whole API. Made-up key ids must not use them up.
const PACE: RefreshPolicy = RefreshPolicy {
    least_fresh: Duration::from_secs(3_600),
    burst: 1,
    after_success: Duration::from_secs(600),
    after_failure: Duration::from_secs(60),
    meanwhile: Meanwhile::Unknown,
};

/// A public key: the DER of its SubjectPublicKeyInfo.
type GithubPublicKey = Vec<u8>;

/// GitHub's public keys, fetched and cached.
pub struct GithubKeys(RemoteKeys<HashMap<String, GithubPublicKey>>);

impl GithubKeys {
    /// Makes an empty cache; fetches nothing.
    pub fn new(settings: &GithubScanning) -> Self {
        let source = Source::Keys(settings.public_keys_url.clone());
        Self(RemoteKeys::of(source, Box::new(published), settings.fetch_timeout, PACE))
    }

    /// Checks that GitHub signed these bytes.
    ///
    /// # Errors
    /// 401 for a wrong signature; `unavailable` when GitHub's keys can't be fetched.
    pub(crate) async fn verify(
        &self,
        clock: &Clock,
        id: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<CallerProof, ApiError> {
        let refused = || ApiError::with_message(Code::InvalidApiKey, "The signature is not GitHub's over this body.");
        let (id, signature) = id.zip(signature).ok_or_else(refused)?;
        let signature = STANDARD.decode(signature).map_err(|_| refused())?;
        let found = self.0.find(|keys| keys.get(id).cloned(), clock).await;
        let found = found.map_err(|error| error.saying("GitHub's keys can't be fetched now. Try again later."))?;
        let key = found.ok_or_else(refused)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(body, &signature).map_err(|_| refused())?;
        Ok(CallerProof::signature())
    }
}

/// Parses GitHub's answer. Skips unreadable keys; rejects an answer without any readable key.
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
