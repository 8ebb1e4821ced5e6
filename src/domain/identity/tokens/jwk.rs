//! JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)) for signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

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

/// The most keys that are tried for one token. Issuers publish two or three.
const MAX_TRIED: usize = 8;

/// A public key and the algorithms that it may verify: those of its type, or fewer by its own or configured limits.
pub(crate) struct PublicKey {
    /// Optional by RFC 7517, 4.5.
    pub(crate) id: Option<String>,
    pub(crate) key: DecodingKey,
    /// Never empty.
    pub(crate) algorithms: Vec<Algorithm>,
}

/// A key in another issuer's set. Other fields are ignored.
#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl PublishedKey {
    fn into_verifier(self, allowed: &[Algorithm]) -> Option<PublicKey> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let verifies = |operations: Vec<String>| operations.iter().any(|operation| operation == "verify");
        if self.usage.is_some_and(|usage| usage != "sig") || !self.key_ops.is_none_or(verifies) {
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
        let id = self.kid.filter(|id| !id.is_empty());
        if algorithms.is_empty() { None } else { Some(PublicKey { id, key: key.ok()?, algorithms }) }
    }
}

/// The keys of a published set that verify some of the allowed algorithms. Never empty.
pub(crate) struct KeySet(Vec<PublicKey>);

/// The keys that may have signed a token.
pub(crate) struct Candidates<'s> {
    /// They can verify the token's algorithm.
    pub(crate) fitting: Vec<&'s PublicKey>,
    /// Whether the token names these keys, so that no key of a newer set would be another candidate.
    pub(crate) are_named: bool,
}

impl KeySet {
    /// Reads a published set. Skips other keys; rejects a set without any usable key.
    pub(crate) fn parse(json: &[u8], allowed: &[Algorithm]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct PublishedJwk {
            keys: Vec<serde_json::Value>,
        }
        let set: PublishedJwk = serde_json::from_slice(json).map_err(|error| format!("not a JWK set: {error}"))?;
        let keys: Vec<PublicKey> = set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<PublishedKey>(key).ok()?.into_verifier(allowed))
            .collect();
        if keys.is_empty() { Err(format!("the JWK set has no key for {allowed:?}")) } else { Ok(Self(keys)) }
    }

    /// Returns the keys with the token's key id. If the token has no key id, all keys are candidates; if no key has the
    /// id, those without an id are. Of many, the first [`MAX_TRIED`].
    pub(crate) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Candidates<'_> {
        let are_named = id.is_some() && self.0.iter().any(|key| key.id.as_deref() == id);
        let may_be = |key: &&PublicKey| match id {
            Some(_) if are_named => key.id.as_deref() == id,
            Some(_) => key.id.is_none(),
            None => true,
        };
        let fits = |key: &&PublicKey| key.algorithms.contains(&algorithm);
        Candidates { fitting: self.0.iter().filter(may_be).filter(fits).take(MAX_TRIED).collect(), are_named }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_keys_that_verify_an_allowed_algorithm_are_taken_and_tried() {
        let set = json!({"keys": [
            {"kty": "RSA", "kid": "plain", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "full", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB", "x5t": "x"},
            {"kty": "RSA", "kid": "encrypts", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "other-algorithm", "alg": "RS512", "n": "AQAB", "e": "AQAB"},
            {"kty": "oct", "kid": "symmetric", "k": "AQAB"},
            {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
            {"kty": "RSA", "kid": "verifies", "key_ops": ["verify"], "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "signs", "key_ops": ["sign"], "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": 7, "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "broken", "n": "=", "e": "AQAB"},
            5,
        ]});
        let parse = |allowed: &[Algorithm]| KeySet::parse(set.to_string().as_bytes(), allowed).unwrap();
        let ids = |set: &KeySet| set.0.iter().map(|key| key.id.clone().unwrap_or_default()).collect::<Vec<_>>();
        let rsa = parse(&[Algorithm::RS256]);
        assert_eq!(ids(&rsa), ["plain", "full", "verifies", "", ""]);
        let all = parse(&[Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::EdDSA]);
        assert_eq!(ids(&all), ["plain", "full", "verifies", "curve", "", ""]);
        let tried = |id: Option<&str>, algorithm| {
            let found = all.candidates(id, algorithm);
            (found.fitting.iter().map(|key| key.id.as_deref().unwrap_or_default()).collect::<Vec<_>>(), found.are_named)
        };
        assert_eq!(tried(Some("plain"), Algorithm::PS512), (vec!["plain"], true));
        assert_eq!(tried(Some("full"), Algorithm::PS512), (vec![], true), "it names one algorithm");
        assert_eq!(tried(Some("curve"), Algorithm::ES256), (vec!["curve"], true));
        assert_eq!(tried(Some("curve"), Algorithm::RS256), (vec![], true));
        assert_eq!(tried(Some("unknown"), Algorithm::RS256), (vec!["", ""], false));
        assert_eq!(tried(None, Algorithm::ES256), (vec!["curve"], false));
        for bad in ["", "[]", "{}", r#"{"keys":[]}"#] {
            assert!(KeySet::parse(bad.as_bytes(), &[Algorithm::RS256]).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..20).map(|_| json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})).collect();
        let many = KeySet::parse(json!({ "keys": many }).to_string().as_bytes(), &[Algorithm::RS256]).unwrap();
        assert_eq!(many.candidates(None, Algorithm::RS256).fitting.len(), MAX_TRIED);
    }
}
