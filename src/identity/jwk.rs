//! JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), as far as RS256 needs them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One RSA public key.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct RsaJwk {
    #[schema(example = "RSA")]
    kty: String,
    #[serde(rename = "use", default = "sig")]
    #[schema(required, example = "sig")]
    usage: String,
    #[serde(default = "rs256")]
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
pub(super) struct JwkSet {
    /// The keys.
    pub(super) keys: Vec<RsaJwk>,
}

fn sig() -> String {
    "sig".to_owned()
}

fn rs256() -> String {
    "RS256".to_owned()
}

impl RsaJwk {
    /// The key of a modulus and an exponent.
    pub(super) fn for_signatures(kid: String, modulus: &[u8], exponent: &[u8]) -> Self {
        Self {
            kty: "RSA".to_owned(),
            usage: sig(),
            alg: rs256(),
            kid,
            n: URL_SAFE_NO_PAD.encode(modulus),
            e: URL_SAFE_NO_PAD.encode(exponent),
        }
    }

    fn into_verifier(self) -> Option<(String, DecodingKey)> {
        if self.kty != "RSA" || self.usage != "sig" || self.alg != "RS256" || self.kid.is_empty() {
            return None;
        }
        Some((self.kid, DecodingKey::from_rsa_components(&self.n, &self.e).ok()?))
    }
}

/// The keys of a published set that verify RS256, by their ids. Others are passed over; a set without any is refused.
pub(super) fn verifiers(json: &[u8]) -> Result<HashMap<String, DecodingKey>, String> {
    #[derive(Deserialize)]
    struct Published {
        keys: Vec<serde_json::Value>,
    }
    let set: Published = serde_json::from_slice(json).map_err(|error| format!("not a JWK set: {error}"))?;
    let keys: HashMap<_, _> =
        set.keys.into_iter().filter_map(|key| serde_json::from_value::<RsaJwk>(key).ok()?.into_verifier()).collect();
    if keys.is_empty() { Err("the JWK set has no key for RS256".to_owned()) } else { Ok(keys) }
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
        let mut ids: Vec<String> = verifiers(set.to_string().as_bytes()).unwrap().into_keys().collect();
        ids.sort();
        assert_eq!(ids, ["full", "plain"]);
        for bad in ["", "[]", "{}", r#"{"keys":[]}"#] {
            assert!(verifiers(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
