//! The built-in provider's RSA keys: rows of `signing_keys`, and what is done with them.
//!
//! All nodes on a database share the keys. The newest signs; all of them are published, and verify.

use super::certificate;
use super::jwk::RsaJwk;
use super::master_secret::MasterSecret;
use crate::clock::Clock;
use crate::db::schema::signing_keys;
use crate::db::{Conn, Db, Timestamp};
use crate::error::ApiError;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;
use std::collections::BTreeMap;

/// A row: the private key as PKCS#8, sealed under the master secret and bound to its id.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
struct Row {
    id: String,
    sealed_private_key: Vec<u8>,
    created_at: Timestamp,
}

/// One key, ready to sign and to verify.
struct SigningKey {
    id: String,
    pair: KeyPair,
    public: DecodingKey,
    certificate: String,
}

/// The keys, oldest first; never empty.
pub(super) struct SigningKeys {
    newest: SigningKey,
    older: Vec<SigningKey>,
}

impl SigningKeys {
    /// Opens the database's keys, or makes the first one.
    pub(super) async fn load(clock: &Clock, db: &Db, secret: &MasterSecret) -> Result<Self, String> {
        let because = |error: ApiError| match std::error::Error::source(&error) {
            Some(cause) => format!("the signing keys can't be read: {cause}"),
            None => format!("the signing keys can't be read: {error}"),
        };
        let mut rows = db.read(Row::all).await.map_err(because)?;
        if rows.is_empty() {
            // Generated before the transaction, which holds a lock that other nodes wait for.
            let first = Row::generate(secret, clock.now())?;
            rows = db.write(move |conn| first.insert_if_none(conn)).await.map_err(because)?;
        }
        let mut keys = rows.into_iter().map(|row| row.open(secret)).collect::<Result<Vec<_>, _>>()?;
        let newest = keys.pop().ok_or("the signing keys are gone")?;
        Ok(Self { newest, older: keys })
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.older.iter().chain([&self.newest])
    }

    /// The key of an id, for verifying.
    pub(super) fn find(&self, id: &str) -> Option<&DecodingKey> {
        self.all().find(|key| key.id == id).map(|key| &key.public)
    }

    /// The public halves, for publishing.
    pub(super) fn public(&self) -> Vec<RsaJwk> {
        self.all().map(|key| RsaJwk::for_signatures(key.id.clone(), &key.modulus(), &key.exponent())).collect()
    }

    /// The same as certificates in PEM, by their ids.
    pub(super) fn certificates(&self) -> BTreeMap<&str, &str> {
        self.all().map(|key| (key.id.as_str(), key.certificate.as_str())).collect()
    }

    /// A signed token.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<SecretString, ApiError> {
        let key = &self.newest;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::RS256) };
        let header = serde_json::to_vec(&header).map_err(ApiError::internal)?;
        let claims = serde_json::to_vec(claims).map_err(ApiError::internal)?;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(ApiError::internal)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

impl SigningKey {
    fn modulus(&self) -> Vec<u8> {
        self.pair.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    fn exponent(&self) -> Vec<u8> {
        self.pair.public_key().exponent().big_endian_without_leading_zero().to_vec()
    }
}

impl Row {
    fn all(conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        let order = (signing_keys::created_at.asc(), signing_keys::id.asc());
        Ok(signing_keys::table.order(order).select(Self::as_select()).load(conn)?)
    }

    fn generate(secret: &MasterSecret, now: Timestamp) -> Result<Self, String> {
        let failed = |_| "the signing key can't be made".to_owned();
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let sealed_private_key = secret.seal(&id, private.as_ref())?;
        Ok(Self { id, sealed_private_key, created_at: now })
    }

    /// Inserts this row unless another node was faster; all rows, in any case.
    fn insert_if_none(&self, conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        // A lock on rows does not keep out a first row. SQLite's transaction has locked the file.
        if let Conn::Postgres(postgres) = conn {
            postgres.batch_execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")?;
        }
        if Self::all(conn)?.is_empty() {
            diesel::insert_into(signing_keys::table).values(self.clone()).execute(conn)?;
        }
        Self::all(conn)
    }

    fn open(self, secret: &MasterSecret) -> Result<SigningKey, String> {
        let private = secret.open(&self.id, &self.sealed_private_key).ok_or_else(|| {
            format!(
                "the signing key {} was sealed with another master secret: give all nodes on this database the same \
                 identity.master_secret, or copies of one identity.master_secret_file",
                self.id
            )
        })?;
        let pair =
            KeyPair::from_pkcs8(&private).map_err(|_| format!("the signing key {} is not an RSA key", self.id))?;
        let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
        let certificate = certificate::pem(&self.id, &pair)?;
        Ok(SigningKey { id: self.id, pair, public, certificate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Identity;
    use crate::identity::token;
    use serde_json::json;

    fn secret(byte: &str) -> MasterSecret {
        let settings = json!({
            "project_id": "app", "builtin": true, "issuers": [], "master_secret": byte.repeat(32),
            "master_secret_file": "", "max_concurrent_hashes": 1, "max_queued_hashes": 1,
            "argon2": {"memory_kib": 8, "iterations": 1, "parallelism": 1},
        });
        MasterSecret::load(&serde_json::from_value::<Identity>(settings).unwrap()).unwrap()
    }

    #[test]
    fn a_stored_key_signs_and_its_published_half_verifies() {
        let row = Row::generate(&secret("0a"), Clock::system().now()).unwrap();
        let keys = SigningKeys { newest: row.clone().open(&secret("0a")).ok().unwrap(), older: Vec::new() };
        let claims = json!({"iss": "i", "aud": "app", "sub": "s", "iat": 1, "exp": 2, "auth_time": 1});
        let token = keys.sign(&claims).unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token);
        assert_eq!(token::key_id_of(token), Ok(row.id.clone()));
        assert_eq!(token::open(token, keys.find(&row.id).unwrap()).unwrap().sub, "s");
        let published = serde_json::to_value(keys.public()).unwrap();
        let published =
            DecodingKey::from_rsa_components(published[0]["n"].as_str().unwrap(), published[0]["e"].as_str().unwrap());
        assert!(token::open(token, &published.unwrap()).is_ok());
    }

    #[test]
    fn another_master_secret_is_named_as_the_cause() {
        let row = Row::generate(&secret("0a"), Clock::system().now()).unwrap();
        let error = row.open(&secret("0b")).err().unwrap();
        assert!(error.contains("another master secret"), "{error}");
    }
}
