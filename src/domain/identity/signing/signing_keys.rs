//! The built-in provider's RSA keys, rows of `signing_keys`.
//!
//! All nodes on a database share the keys. The newest key signs. Replaced keys stay published, and verify tokens, until
//! they retire. [`KeyRing`](super::key_ring::KeyRing) keeps a node's keys up to date.

use super::certificate;
use super::key_ring::RETENTION;
use super::master_secret::MasterSecrets;
use crate::base::error::ApiError;
use crate::base::sql::Conn;
use crate::base::sql::schema::signing_keys;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::identity::tokens::jwk::RsaJwk;
use crate::infra::db::Db;
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
use std::sync::Arc;
use std::time::Duration;

/// A row: the private key as PKCS#8, encrypted by a master secret and bound to the key's id.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub(crate) struct SigningKeyRow {
    id: String,
    sealed_private_key: Vec<u8>,
    created_at: Timestamp,
}

/// A decrypted key.
pub(crate) struct SigningKey {
    id: String,
    pair: KeyPair,
    public: DecodingKey,
    certificate: String,
    created_at: Timestamp,
}

/// The signing keys; at least one.
pub(crate) struct SigningKeys {
    newest: Arc<SigningKey>,
    /// Oldest first.
    older: Vec<Arc<SigningKey>>,
}

impl SigningKeys {
    /// Loads the keys from the database, or creates the first one.
    pub(crate) async fn load(clock: &Clock, db: &Db, secrets: &MasterSecrets) -> Result<Self, String> {
        let because = |error: ApiError| {
            format!("the signing keys can't be read: {}", error.cause().unwrap_or_else(|| error.to_string()))
        };
        let mut rows = db.for_all_tenants().read(SigningKeyRow::all).await.map_err(because)?;
        if rows.is_empty() {
            // Generated before the transaction, which holds a lock that other nodes wait for.
            let first = SigningKeyRow::generate(secrets, clock.now())?;
            rows = db.for_all_tenants().write(move |conn| first.insert_if_none(conn)).await.map_err(because)?;
        }
        Self::of(rows, |row| row.open(secrets).map(Arc::new))
    }

    /// Returns the keys of these rows. Doesn't decrypt the keys of `self` again.
    pub(crate) fn replaced_by(&self, rows: Vec<SigningKeyRow>, secrets: &MasterSecrets) -> Result<Self, String> {
        let mine = |id: &str| self.older.iter().chain([&self.newest]).find(|key| key.id == id).map(Arc::clone);
        Self::of(rows, |row| mine(&row.id).map_or_else(|| row.open(secrets).map(Arc::new), Ok))
    }

    fn of(
        rows: Vec<SigningKeyRow>,
        open: impl Fn(SigningKeyRow) -> Result<Arc<SigningKey>, String>,
    ) -> Result<Self, String> {
        let mut older = rows.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let newest = older.pop().ok_or("the signing keys are gone")?;
        Ok(Self { newest, older })
    }

    /// Returns the keys that have not retired. A key retires [`RETENTION`] after its successor was created.
    fn active(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let successors = self.older.iter().skip(1).chain([&self.newest]);
        let older = self.older.iter().zip(successors).filter(move |(_, next)| !has_retired(next.created_at, now));
        older.map(|(key, _)| key).chain([&self.newest]).map(AsRef::as_ref)
    }

    /// Returns the public key of an id, unless the key has retired.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<DecodingKey> {
        self.active(now).find(|key| key.id == id).map(|key| key.public.clone())
    }

    /// Returns the public keys to publish.
    pub(crate) fn public(&self, now: Timestamp) -> Vec<RsaJwk> {
        self.active(now).map(|key| RsaJwk::for_signatures(key.id.clone(), &key.modulus(), &key.exponent())).collect()
    }

    /// Returns the public keys as PEM certificates, by key id.
    pub(crate) fn certificates(&self, now: Timestamp) -> BTreeMap<String, String> {
        self.active(now).map(|key| (key.id.clone(), key.certificate.clone())).collect()
    }

    /// Returns a signed token of this `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<SecretString, ApiError> {
        let key = &self.newest;
        let header = Header { kid: Some(key.id.clone()), typ: Some(typ.to_owned()), ..Header::new(Algorithm::RS256) };
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

/// True when a key whose successor was created at `replaced_at` has retired.
fn has_retired(replaced_at: Timestamp, now: Timestamp) -> bool {
    replaced_at.plus(RETENTION) <= now
}

impl SigningKey {
    fn modulus(&self) -> Vec<u8> {
        self.pair.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    fn exponent(&self) -> Vec<u8> {
        self.pair.public_key().exponent().big_endian_without_leading_zero().to_vec()
    }
}

impl SigningKeyRow {
    /// Returns all rows, oldest first.
    pub(crate) fn all(conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        let order = (signing_keys::created_at.asc(), signing_keys::id.asc());
        Ok(signing_keys::table.order(order).select(Self::as_select()).load(conn)?)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Generates a key without storing it.
    pub(crate) fn generate(secrets: &MasterSecrets, now: Timestamp) -> Result<Self, String> {
        let failed = |_| "the signing key can't be made".to_owned();
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let sealed_private_key = secrets.seal(&id, private.as_ref())?;
        Ok(Self { id, sealed_private_key, created_at: now })
    }

    /// Inserts this row if the table is empty. Returns all rows.
    fn insert_if_none(&self, conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        Self::lock(conn)?;
        if Self::all(conn)?.is_empty() {
            diesel::insert_into(signing_keys::table).values(self.clone()).execute(conn)?;
        }
        Self::all(conn)
    }

    /// Inserts this row as the newest, and deletes retired keys.
    pub(crate) fn insert_as_newest(mut self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        Self::lock(conn)?;
        if let Some(newest) = Self::delete_retired(conn, now)?.last() {
            // Another machine's clock may be ahead.
            self.created_at = now.max(newest.created_at.plus(Duration::from_millis(1)));
        }
        diesel::insert_into(signing_keys::table).values(self).execute(conn)?;
        Ok(())
    }

    /// Deletes retired keys. Returns the others, oldest first.
    pub(crate) fn delete_retired(conn: &mut Conn, now: Timestamp) -> Result<Vec<Self>, ApiError> {
        let mut rows = Self::all(conn)?;
        let retired: Vec<String> = Self::take_retired(&mut rows, now).map(|row| row.id).collect();
        if !retired.is_empty() {
            diesel::delete(signing_keys::table.filter(signing_keys::id.eq_any(&retired))).execute(conn)?;
        }
        Ok(rows)
    }

    /// Removes the retired keys from `rows` and returns them.
    pub(crate) fn take_retired(rows: &mut Vec<Self>, now: Timestamp) -> impl Iterator<Item = Self> {
        // Each key was replaced by the next one, so all keys before the last retired successor have retired.
        let kept_from = rows.iter().rposition(|row| has_retired(row.created_at, now)).unwrap_or(0);
        rows.drain(..kept_from)
    }

    /// Seals the keys that a former master secret sealed by the first one. Returns how many there were.
    ///
    /// # Errors
    /// Those of the database; a text for the operator if a key was sealed by another secret. Nothing has changed then.
    pub(crate) fn seal_all_by_first(
        conn: &mut Conn,
        secrets: &MasterSecrets,
    ) -> Result<Result<usize, String>, ApiError> {
        Self::lock(conn)?;
        let mut sealed = Vec::new();
        for row in Self::all(conn)? {
            if secrets.is_sealed_by_first(&row.id, &row.sealed_private_key) {
                continue;
            }
            let again = row.private_key(secrets).and_then(|private| secrets.seal(&row.id, &private));
            match again {
                Ok(again) => sealed.push((row.id, again)),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        for (id, again) in &sealed {
            let row = signing_keys::table.filter(signing_keys::id.eq(id));
            diesel::update(row).set(signing_keys::sealed_private_key.eq(again)).execute(conn)?;
        }
        Ok(Ok(sealed.len()))
    }

    /// Locks the table against inserts until the transaction ends.
    fn lock(conn: &mut Conn) -> Result<(), ApiError> {
        // SigningKeyRow locks don't block inserts. SQLite's transaction has locked the whole file.
        if let Conn::Postgres(postgres) = conn {
            postgres.batch_execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")?;
        }
        Ok(())
    }

    /// Decrypts the private key, as PKCS#8.
    fn private_key(&self, secrets: &MasterSecrets) -> Result<Vec<u8>, String> {
        secrets.open(&self.id, &self.sealed_private_key).ok_or_else(|| {
            format!(
                "the signing key {} was sealed with another master secret: give all nodes on this database the same \
                 identity.master_secret, or copies of one identity.master_secret_file",
                self.id
            )
        })
    }

    /// Decrypts the key.
    pub(crate) fn open(self, secrets: &MasterSecrets) -> Result<SigningKey, String> {
        let private = self.private_key(secrets)?;
        let pair =
            KeyPair::from_pkcs8(&private).map_err(|_| format!("the signing key {} is not an RSA key", self.id))?;
        let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
        let certificate = certificate::pem(&self.id, &pair)?;
        Ok(SigningKey { id: self.id, pair, public, certificate, created_at: self.created_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::config::Identity;
    use crate::domain::identity::tokens::{header, token};
    use serde_json::json;

    fn secret(byte: &str) -> MasterSecrets {
        let settings = json!({
            "project_id": "app", "builtin": true, "issuers": [], "master_secret": byte.repeat(32),
            "master_secret_file": "", "max_concurrent_hashes": 1, "max_queued_hashes": 1,
            "argon2": {"memory_kib": 8, "iterations": 1, "parallelism": 1}, "min_password_length": 6,
            "password_context_words": [], "sign_up": "open",
            "fetch_timeout": "5s", "limits": {"failures_per_account_and_address": 1, "failures_per_account": 1,
                "failures_per_address": 1, "sign_ups_per_address": 1, "window": "1m"},
            "sessions": {"idle_lifetime": "30d", "absolute_lifetime": "180d", "reuse_grace": "30s"},
        });
        MasterSecrets::load(&serde_json::from_value::<Identity>(settings).unwrap()).unwrap()
    }

    #[test]
    fn a_stored_key_signs_and_its_published_half_verifies() {
        let row = SigningKeyRow::generate(&secret("0a"), Clock::system().now()).unwrap();
        let now = row.created_at;
        let keys = SigningKeys { newest: Arc::new(row.clone().open(&secret("0a")).ok().unwrap()), older: Vec::new() };
        let claims = json!({"iss": "i", "aud": "app", "sub": "s", "iat": 1, "exp": 2, "auth_time": 1});
        let token = keys.sign("JWT", &claims).unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token);
        let header = header::header_of(token, &[Algorithm::RS256], header::KeyId::Required).unwrap();
        assert_eq!((header.key_id, header.algorithm), (Some(row.id.clone()), Algorithm::RS256));
        assert_eq!(token::open(token, &keys.find(&row.id, now).unwrap()).unwrap().sub, "s");
        let published = serde_json::to_value(keys.public(now)).unwrap();
        let published =
            DecodingKey::from_rsa_components(published[0]["n"].as_str().unwrap(), published[0]["e"].as_str().unwrap());
        assert!(token::open(token, &published.unwrap()).is_ok());
    }

    #[test]
    fn a_key_retires_a_while_after_it_was_replaced_and_the_newest_never_does() {
        let first = SigningKeyRow::generate(&secret("0a"), Clock::system().now()).unwrap();
        let replaced_at = first.created_at.plus(Duration::from_secs(86_400));
        let second = SigningKeyRow { id: "second".into(), created_at: replaced_at, ..first.clone() };
        let third = SigningKeyRow {
            id: "third".into(),
            created_at: replaced_at.plus(Duration::from_secs(60)),
            ..first.clone()
        };
        let retired = |after: Duration| {
            let mut rows = vec![first.clone(), second.clone(), third.clone()];
            let gone = SigningKeyRow::take_retired(&mut rows, replaced_at.plus(after)).count();
            assert_eq!(gone + rows.len(), 3);
            gone
        };
        assert!(RETENTION >= Duration::from_secs(3600));
        assert_eq!(retired(Duration::ZERO), 0);
        assert_eq!(retired(RETENTION - Duration::from_millis(1)), 0);
        assert_eq!(retired(RETENTION), 1);
        assert_eq!(retired(RETENTION + Duration::from_secs(60)), 2);
        assert_eq!(retired(RETENTION * 1000), 2);
    }

    #[test]
    fn another_master_secret_is_named_as_the_cause() {
        let row = SigningKeyRow::generate(&secret("0a"), Clock::system().now()).unwrap();
        let error = row.open(&secret("0b")).err().unwrap();
        assert!(error.contains("another master secret"), "{error}");
    }
}
