//! Tokens that no honest issuer would make, signed by hand.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An RSA key with an id. Making one is slow, so the suite has these.
pub struct Key {
    pub id: &'static str,
    pair: KeyPair,
}

pub static FIRST: LazyLock<Key> = LazyLock::new(|| Key::new("first"));
pub static SECOND: LazyLock<Key> = LazyLock::new(|| Key::new("second"));

impl Key {
    fn new(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate(KeySize::Rsa2048).expect("an RSA key") }
    }

    /// As a JWK set has it.
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// An honest token.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_under(&json!({ "alg": "RS256", "kid": self.id, "typ": "JWT" }), claims)
    }

    /// A token with this header, signed with RS256 whatever the header says.
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        self.sign_with(&RSA_PKCS1_SHA256, header, claims)
    }

    /// A good signature of another algorithm, which the header names.
    pub fn sign_other(&self, algorithm: &str, claims: &Value) -> String {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            _ => panic!("no such algorithm here: {algorithm}"),
        };
        self.sign_with(encoding, &json!({ "alg": algorithm, "kid": self.id, "typ": "JWT" }), claims)
    }

    fn sign_with(&self, encoding: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(encoding, &random, message.as_bytes(), &mut signature).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A key on the curve P-256.
pub struct CurveKey {
    pub id: &'static str,
    pair: EcdsaKeyPair,
}

pub static CURVE: LazyLock<CurveKey> = LazyLock::new(|| CurveKey::new("curve"));
pub static OTHER_CURVE: LazyLock<CurveKey> = LazyLock::new(|| CurveKey::new("other-curve"));

impl CurveKey {
    fn new(id: &'static str) -> Self {
        Self { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a curve key") }
    }

    /// As a JWK set has it.
    pub fn jwk(&self) -> Value {
        // Uncompressed: 4, x, y.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": encode(x), "y": encode(y) })
    }

    /// An honest token.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.id, claims)
    }

    /// A token that names this key's id, or another's.
    pub fn sign_as(&self, id: &str, claims: &Value) -> String {
        let message = message(&json!({ "alg": "ES256", "kid": id, "typ": "JWT" }), claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token that nobody signed.
pub fn unsigned(key_id: &str, claims: &Value) -> String {
    format!("{}.", message(&json!({ "alg": "none", "kid": key_id, "typ": "JWT" }), claims))
}

/// The classic: HMAC with the public key for a secret, for a verifier that believes the header.
pub fn hmac_with_public_key(jwk: &Value, claims: &Value) -> Vec<String> {
    let modulus = jwk["n"].as_str().expect("a modulus");
    let raw = URL_SAFE_NO_PAD.decode(modulus).expect("base64url");
    let message = message(&json!({ "alg": "HS256", "kid": jwk["kid"], "typ": "JWT" }), claims);
    let sign = |secret: &[u8]| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    vec![sign(modulus.as_bytes()), sign(&raw), sign(jwk.to_string().as_bytes()), sign(b"")]
}

/// The claims of a token, unverified.
pub fn claims_of(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token.
pub fn header_of(token: &str) -> Value {
    part(token, 0)
}

/// The token with other claims and its old signature.
pub fn with_claims(token: &str, claims: &Value) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}

/// The token with another header and its old signature.
pub fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').expect("a token");
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// `claims` with one replaced; a null takes it away.
pub fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let object = claims.as_object_mut().expect("an object");
    match value {
        Value::Null => object.remove(name),
        value => object.insert(name.to_owned(), value),
    };
    claims
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn message(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}
