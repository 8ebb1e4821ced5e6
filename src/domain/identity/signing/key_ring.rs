//! [`KeyRing`]: this node's copy of the signing keys that all nodes on a database share, and their rotation.
//!
//! `keyward identity rotate-key` adds a row. Each node reads the rows again after [`PERIOD`], and so signs with the new
//! key within that time. It also reads them at once for a token with an unknown key id, so that every node accepts a
//! token as soon as one has signed it. These lookups are limited: made-up key ids cost at most one query a second.
//!
//! `keyward identity rotate-master-secret` seals the rows by a new master secret. A node keeps the keys that it has
//! opened, and so reads its rows again without opening them.
//!
//! A replaced key stays published, and verifies tokens, for [`RETENTION`]. Then it is deleted.

use super::master_secret::MasterSecrets;
use super::signing_keys::{SigningKeyRow, SigningKeys};
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::identity::tokens::ID_TOKEN_SECONDS;
use crate::domain::identity::tokens::fault::TokenFault;
use crate::domain::identity::tokens::jwk::RsaJwk;
use crate::infra::db::{Db, ScopedDb};
use crate::infra::throttle::Throttle;
use jsonwebtoken::DecodingKey;
use parking_lot::RwLock;
use secrecy::SecretString;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The maximum age of a node's copy.
const PERIOD: Duration = Duration::from_secs(10);
/// How long a replaced key stays: the lifetime of its last tokens, and an hour for late nodes and clocks.
pub(crate) const RETENTION: Duration = Duration::from_secs(ID_TOKEN_SECONDS.unsigned_abs() + 3600);
/// The maximum number of lookups of unknown key ids at once, and the time until one more is allowed.
const LOOKUPS: u32 = 10;
const LOOKUP_REFILL: Duration = Duration::from_secs(1);

/// A node's signing keys.
pub(crate) struct KeyRing {
    db: Db,
    clock: Clock,
    secrets: MasterSecrets,
    held: RwLock<Arc<SigningKeys>>,
    /// When the rows are read again. The request that reads them holds the lock.
    next_read: tokio::sync::Mutex<Timestamp>,
    /// Limits lookups of unknown ids.
    lookups: Throttle,
}

impl KeyRing {
    /// Loads the keys from the database, or creates the first one.
    pub(crate) async fn open(clock: &Clock, db: &Db, secrets: MasterSecrets) -> Result<Self, String> {
        let keys = SigningKeys::load(clock, db, &secrets).await?;
        Ok(Self {
            db: db.clone(),
            clock: clock.clone(),
            secrets,
            held: RwLock::new(Arc::new(keys)),
            next_read: tokio::sync::Mutex::new(clock.now().plus(PERIOD)),
            lookups: no_lookups(),
        })
    }

    /// Reads the rows again if the copy is older than [`PERIOD`]. Call it before signing.
    ///
    /// When the database fails, the keys stay as they are; a request that needs the database fails by itself.
    pub(crate) async fn keep_fresh(&self) {
        // Another request is reading; this one uses the present keys.
        let Ok(mut next_read) = self.next_read.try_lock() else { return };
        let now = self.clock.now();
        if now < *next_read {
            return;
        }
        *next_read = now.plus(PERIOD);
        if let Err(error) = self.read(now).await {
            tracing::warn!(?error, "the signing keys can't be read anew");
        }
    }

    /// Returns the key that verifies a token with this key id.
    pub(crate) async fn find(&self, id: &str) -> Result<DecodingKey, ApiError> {
        self.keep_fresh().await;
        let now = self.clock.now();
        if let Some(key) = self.held().find(id, now) {
            return Ok(key);
        }
        let mut next_read = self.next_read.lock().await;
        // The previous holder of the lock may have read the key.
        if self.held().find(id, now).is_none() && may_look_up(&self.lookups, now) {
            self.read(now).await?;
            *next_read = now.plus(PERIOD);
        }
        let unknown = || TokenFault::new("kid: is no key of the built-in provider");
        Ok(self.held().find(id, now).ok_or_else(unknown)?)
    }

    /// Returns the public keys to publish.
    pub(crate) async fn public(&self) -> Vec<RsaJwk> {
        self.keep_fresh().await;
        self.held().public(self.clock.now())
    }

    /// Returns the public keys as PEM certificates, by key id.
    pub(crate) async fn certificates(&self) -> BTreeMap<String, String> {
        self.keep_fresh().await;
        self.held().certificates(self.clock.now())
    }

    /// Returns an ID token signed by the newest key.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<SecretString, ApiError> {
        self.sign_as("JWT", claims)
    }

    /// Returns a token of this `typ`, signed by the newest key.
    pub(crate) fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<SecretString, ApiError> {
        self.held().sign(typ, claims)
    }

    fn held(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.held.read())
    }

    async fn read(&self, now: Timestamp) -> Result<(), ApiError> {
        let mut rows = self.db.for_all_tenants().read(SigningKeyRow::all).await?;
        if SigningKeyRow::take_retired(&mut rows, now).next().is_some() {
            rows = self.db.for_all_tenants().write(move |conn| SigningKeyRow::delete_retired(conn, now)).await?;
        }
        let keys = self.held().replaced_by(rows, &self.secrets).map_err(ApiError::internal)?;
        *self.held.write() = Arc::new(keys);
        Ok(())
    }
}

fn no_lookups() -> Throttle {
    Throttle::new(LOOKUP_REFILL * LOOKUPS)
}

/// Counts a lookup of an unknown id. False when there were too many.
fn may_look_up(lookups: &Throttle, now: Timestamp) -> bool {
    lookups.charge(&[((), LOOKUPS)], now).is_ok()
}

/// Creates a new signing key for the operator, and returns its id. Blocks.
///
/// # Errors
/// A message for the operator: the built-in provider is off, the master secret is wrong, or the database fails.
pub fn rotate_signing_key(config: &Config, db: &ScopedDb, clock: &Clock) -> Result<String, String> {
    let failed = |error: ApiError| format!("the signing keys can't be changed: {error}");
    let rows = db.write_blocking(SigningKeyRow::all).map_err(failed)?;
    // Without the built-in provider there are keys once a portal session was made.
    if !config.identity.builtin && rows.is_empty() {
        return Err("identity.builtin is false: there is no signing key here".into());
    }
    let secrets = MasterSecrets::load_existing(&config.identity)?;
    // A wrong master secret would seal a key that the nodes can't open.
    for row in rows {
        row.open(&secrets)?;
    }
    let now = clock.now();
    let new = SigningKeyRow::generate(&secrets, now)?;
    let id = new.id().to_owned();
    db.write_blocking(|conn| new.insert_as_newest(conn, now)).map_err(failed)?;
    Ok(id)
}

/// Seals all signing keys by the first master secret, for the operator, and returns how many a former one had sealed.
/// Nodes that have both secrets go on meanwhile. Blocks.
///
/// # Errors
/// A message for the operator: the built-in provider is off, there is only one master secret, a key was sealed by none of
/// them, or the database fails. Nothing has changed then.
pub fn rotate_master_secret(config: &Config, db: &ScopedDb) -> Result<usize, String> {
    let failed = |error: ApiError| format!("the signing keys can't be changed: {error}");
    if !config.identity.builtin && db.write_blocking(SigningKeyRow::all).map_err(failed)?.is_empty() {
        return Err("identity.builtin is false: a master secret seals nothing here".into());
    }
    let secrets = MasterSecrets::load_existing(&config.identity)?;
    if !secrets.has_former() {
        return Err(
            "there is one master secret: put the new one before it, in identity.master_secret or as a first line \
             of identity.master_secret_file, restart all nodes with both, and run this again"
                .into(),
        );
    }
    db.write_blocking(|conn| SigningKeyRow::seal_all_by_first(conn, &secrets))
        .map_err(|error| format!("the signing keys can't be changed: {error}"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_of_unknown_ids_are_few_and_come_back() {
        let now = Clock::system().now();
        let lookups = no_lookups();
        let may_look_up = |now| may_look_up(&lookups, now);
        assert!((0..LOOKUPS).all(|_| may_look_up(now)));
        assert!(!may_look_up(now) && !may_look_up(now.plus(LOOKUP_REFILL / 2)));
        assert!(may_look_up(now.plus(LOOKUP_REFILL)) && !may_look_up(now.plus(LOOKUP_REFILL)));
        assert!(may_look_up(now.plus(LOOKUP_REFILL * 60)));
    }
}
