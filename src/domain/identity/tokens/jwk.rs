//! JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)) for signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One RSA public key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RsaJwk {
    #[schema(example = "RSA")]
    kty: String,
    #[serde(rename = "use")]
    #[schema(required, example = "sig")]
    usage: String,
    #[schema(required, example = "RS256")]
    alg: String,
    /// The id that a token's header names.
    #[schema(example = "5f1c2b0e9a7d4c3f8e6b5a4d3c2b1a09")]
    kid: String,
    /// The modulus, base64url.
    n: String,
    /// The exponent, base64url.
    #[schema(example = "AQAB")]
    e: String,
}

/// A set of keys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct JwkSet {
    /// The keys.
    pub(crate) keys: Vec<RsaJwk>,
}

fn sig() -> String {
    "sig".to_owned()
}

fn rs256() -> String {
    "RS256".to_owned()
}

impl RsaJwk {
    /// Makes the key of a modulus and an exponent.
    pub(crate) fn for_signatures(kid: String, modulus: &[u8], exponent: &[u8]) -> Self {
        Self {
            kty: "RSA".to_owned(),
            usage: sig(),
            alg: rs256(),
            kid,
            n: URL_SAFE_NO_PAD.encode(modulus),
            e: URL_SAFE_NO_PAD.encode(exponent),
        }
    }
}

/// A public key and the algorithms that it may verify: those of its type, or fewer by its own or configured limits.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) key: DecodingKey,
    /// Never empty.
    pub(crate) algorithms: Vec<Algorithm>,
}

/// A key in another issuer's set. Other fields are ignored.
#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl PublishedKey {
    fn into_verifier(self, allowed: &[Algorithm]) -> Option<(String, PublicKey)> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        if self.kid.is_empty() || self.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        // By type and curve alone: a shared secret (`oct`) is no public key, whatever its stated use.
        let (fitting, key): (&[Algorithm], _) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                (&[RS256, RS384, RS512, PS256, PS384, PS512], DecodingKey::from_rsa_components(&self.n?, &self.e?))
            }
            ("EC", Some("P-256")) => (&[ES256], DecodingKey::from_ec_components(&self.x?, &self.y?)),
            ("EC", Some("P-384")) => (&[ES384], DecodingKey::from_ec_components(&self.x?, &self.y?)),
            ("OKP", Some("Ed25519")) => (&[EdDSA], DecodingKey::from_ed_components(&self.x?)),
            _ => return None,
        };
        let named = match self.alg.as_deref() {
            None => None,
            // The algorithm's name since RFC 9864.
            Some("Ed25519") => Some(EdDSA),
            Some(name) => Some(name.parse().ok()?),
        };
        let algorithms: Vec<Algorithm> = fitting
            .iter()
            .copied()
            .filter(|algorithm| allowed.contains(algorithm) && named.is_none_or(|named| named == *algorithm))
            .collect();
        if algorithms.is_empty() { None } else { Some((self.kid, PublicKey { key: key.ok()?, algorithms })) }
    }
}

/// Returns the keys of a published set that verify one of these algorithms, by id. Skips other keys; rejects a set
/// without any usable key.
pub(crate) fn verifiers(json: &[u8], allowed: &[Algorithm]) -> Result<HashMap<String, PublicKey>, String> {
    #[derive(Deserialize)]
    struct PublishedJwk {
        keys: Vec<serde_json::Value>,
    }
    let set: PublishedJwk = serde_json::from_slice(json).map_err(|error| format!("not a JWK set: {error}"))?;
    let keys: HashMap<_, _> = set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<PublishedKey>(key).ok()?.into_verifier(allowed))
        .collect();
    if keys.is_empty() { Err(format!("the JWK set has no key for {allowed:?}")) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_rsa_signature_keys_for_rs256_are_taken() {
        let set = json!({"keys": [
            {"kty": "RSA", "kid": "plain", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "full", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB", "x5t": "x"},
            {"kty": "RSA", "kid": "encrypts", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "other-algorithm", "alg": "RS512", "n": "AQAB", "e": "AQAB"},
            {"kty": "oct", "kid": "symmetric", "k": "AQAB"},
            {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "broken", "n": "=", "e": "AQAB"},
            5,
        ]});
        let mut ids: Vec<String> =
            verifiers(set.to_string().as_bytes(), &[Algorithm::RS256]).unwrap().into_keys().collect();
        ids.sort();
        assert_eq!(ids, ["full", "plain"]);
        let all = [Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::EdDSA];
        let keys = verifiers(set.to_string().as_bytes(), &all).unwrap();
        assert_eq!(keys["plain"].algorithms, [Algorithm::RS256, Algorithm::PS512]);
        assert_eq!(keys["full"].algorithms, [Algorithm::RS256], "it says so");
        assert_eq!(keys["curve"].algorithms, [Algorithm::ES256]);
        assert_eq!(keys.len(), 3);
        for bad in ["", "[]", "{}", r#"{"keys":[]}"#] {
            assert!(verifiers(bad.as_bytes(), &[Algorithm::RS256]).is_err(), "{bad}");
        }
    }
}
