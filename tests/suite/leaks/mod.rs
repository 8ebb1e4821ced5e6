//! Keys that scanners find where anybody can read them.

mod github;
mod scanner;

use crate::identity::key_server::KeyServer;
use crate::support::harness::Test;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub fn tests() -> Vec<Test> {
    [github::tests(), scanner::tests()].into_iter().flatten().collect()
}

const PATH: &str = "/v1/keys/revoke-leaked";
/// What stands before the point in a SubjectPublicKeyInfo of P-256 (RFC 5480).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// GitHub, as far as it signs.
struct Github {
    server: KeyServer,
    pair: EcdsaKeyPair,
}

impl Github {
    fn start() -> Self {
        let github = Self { server: KeyServer::start(&[]), pair: pair() };
        github.publish("current");
        github
    }

    /// Publishes the key under an id, in GitHub's format.
    fn publish(&self, id: &str) {
        let der = [&P256[..], self.pair.public_key().as_ref()].concat();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        let unreadable = json!({ "key_identifier": "other", "key": "no PEM", "is_current": false });
        let key = json!({ "key_identifier": id, "key": pem, "is_current": true });
        self.server.behaviour().body = json!({ "public_keys": [unreadable, key] }).to_string();
    }

    fn sign(&self, body: &str) -> String {
        signature(&self.pair, body)
    }
}

fn pair() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key")
}

fn signature(pair: &EcdsaKeyPair, body: &str) -> String {
    STANDARD.encode(pair.sign(&SystemRandom::new(), body.as_bytes()).expect("a signature"))
}

fn found(token: &str) -> Value {
    json!({ "token": token, "type": "acme_key", "url": "https://github.com/octocat/env/blob/main/.env", "source": "content" })
}

fn feedback(token: &str, label: &str) -> Value {
    let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "token_hash": hash, "token_type": "acme_key", "label": label })
}
