//! Is this key good? Asked once for every request of a program, and by gateways about the keys of theirs.
//!
//! Cost, while the key is in the cache: the checksum and a SHA-256 of some 40 bytes, a lookup ([`crate::infra::cluster::Cache`]),
//! comparisons with the clock, and some atomics that note the use; no statement, no other thread, no allocation. Else one
//! SELECT by the SHA-256 on a blocking thread, with joins by primary or unique key. A typo costs neither.

mod cached_key;
mod last_used;
mod unknown_keys;

pub use cached_key::CachedKey;
pub use last_used::{FLUSH_INTERVAL, LastUse, LastUsed, Used};

use super::creator_roles::KeyStatus;
use super::format::headers::KeyHeaders;
use super::format::{KeyFormat, PresentedKey};
use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::time::Clock;
use crate::base::time::Moment;
use crate::base::time::Timestamp;
use crate::domain::api_keys::KeyCaller;
use crate::domain::usage::{CountedRequest, Hour, RequestOutcome, Usage};
use crate::infra::cluster::{Cache, CacheLookup, Cluster, Generation};
use crate::infra::db::Db;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use unknown_keys::UnknownKeys;

/// Who brings a key to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroughtBy {
    /// Whoever uses it. Keys that nobody has are limited for each client address.
    ItsUser,
    /// A service, for its many clients. Those are behind one address, so a limit on it would refuse all of them for what
    /// one sends; the service is trusted, and can limit its clients itself.
    Service,
}

/// Why a key is not good.
#[derive(Debug)]
pub struct Refused {
    /// What to answer whoever uses it.
    pub error: ApiError,
    /// The key, if the refusal is about one that exists.
    pub key: Option<Arc<CachedKey>>,
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self { error: error.into(), key: None }
    }
}

/// The room's share of the state: the format of keys, those in memory, and the uses and requests not yet written.
#[derive(Debug)]
pub struct ApiKeys {
    /// How keys look.
    pub format: KeyFormat,
    /// Where requests carry them.
    pub headers: KeyHeaders,
    /// Uses not yet written.
    pub last_used: LastUsed<CachedKey>,
    /// Requests not yet written.
    pub usage: Usage<CachedKey>,
    /// The keys in memory.
    pub cache: Cache<CachedKey>,
    guesses: UnknownKeys,
    db: Db,
    clock: Clock,
    /// Delays each fill of the cache: a fault that tests inject.
    slow_fill: Duration,
}

impl ApiKeys {
    /// For the keys that the configuration describes.
    pub fn new(config: &Config, db: &Db, cluster: &Arc<Cluster>) -> Self {
        Self {
            format: KeyFormat::new(&config.keys),
            headers: KeyHeaders::new(&config.keys),
            last_used: LastUsed::of_table("api_keys"),
            usage: Usage::default(),
            cache: Cache::new(cluster, config.cluster.cached_keys),
            guesses: UnknownKeys::new(config, cluster),
            db: db.clone(),
            clock: cluster.clock().clone(),
            slow_fill: config.cluster.faults.slow_fill,
        }
    }

    /// Who is behind a key, and what it may do at this moment.
    ///
    /// # Errors
    /// With the key: `api_key_revoked`, `api_key_expired`, `api_key_disabled`, `api_key_orphaned`, `ip_not_allowed`.
    /// Without: `invalid_api_key`; `rate_limited` for one unknown key too many from that address, if its user brings it;
    /// `unavailable` when the database can't be asked.
    pub async fn verify(
        &self,
        key: PresentedKey<'_>,
        from: Option<IpAddr>,
        brought_by: BroughtBy,
    ) -> Result<KeyCaller, Refused> {
        if !self.format.recognizes(key) {
            return Err(Code::InvalidApiKey.into());
        }
        let digest = key.hash();
        let known = match self.cache.get(&digest) {
            CacheLookup::Fresh(known) => known,
            CacheLookup::Unknown { before, was_known } => {
                if !was_known {
                    self.guesses.check_not_cached(&digest)?;
                    if brought_by == BroughtBy::ItsUser {
                        self.guesses.check_limit(from, self.clock.now())?;
                    }
                }
                // In a box, so that the future of a key in the cache is small to move.
                Box::pin(self.look_up(digest, before, from, brought_by)).await?
            }
        };
        let now = self.clock.now();
        let caller = authorize(known, from, now).inspect_err(|refused| {
            if let Some(key) = &refused.key {
                self.usage.count(key, Hour::of(now), RequestOutcome::Refused);
            }
        })?;
        self.last_used.note(caller.shared(), now);
        Ok(caller)
    }

    /// Who is behind a key that is in memory and good. `None` for any other: [`ApiKeys::verify`] has more to say of it.
    /// Nothing is noted before [`ApiKeys::record_admitted`].
    pub fn lookup_cached(&self, key: PresentedKey<'_>, from: Option<IpAddr>, at: &Moment) -> Option<KeyCaller> {
        if !self.format.recognizes(key) {
            return None;
        }
        let known = self.cache.peek(&key.hash(), at.monotonic)?;
        authorize(known, from, at.now).ok()
    }

    /// Notes a request of a caller from [`ApiKeys::lookup_cached`] that was let through.
    pub fn record_admitted(&self, caller: &KeyCaller, at: &Moment) {
        self.cache.count_hit();
        self.last_used.note(caller.shared(), at.now);
        self.usage.count(caller.shared(), caller.hour, RequestOutcome::Admitted);
    }

    /// A request of a key that was found good: counted when that is dropped, as what it ended. Whoever has a caller from
    /// [`ApiKeys::verify`] begins one; a refusal was counted there.
    pub fn begin(&self, caller: &KeyCaller) -> CountedRequest<'_, CachedKey> {
        self.usage.begin(caller.shared().clone(), caller.hour)
    }

    /// Asks the database, and keeps what it says.
    async fn look_up(
        &self,
        digest: [u8; 32],
        before: Generation,
        from: Option<IpAddr>,
        brought_by: BroughtBy,
    ) -> Result<Arc<CachedKey>, ApiError> {
        let found = self.db.for_all_tenants().read(move |conn| CachedKey::find(conn, &digest)).await?;
        let Some(known) = found.map(Arc::new) else {
            self.cache.forget(&digest);
            self.guesses.remember(digest, before);
            if brought_by == BroughtBy::ItsUser {
                self.guesses.count(from, self.clock.now());
            }
            return Err(Code::InvalidApiKey.into());
        };
        if !self.slow_fill.is_zero() {
            tokio::time::sleep(self.slow_fill).await;
        }
        self.cache.enter(digest, &known.organization_id.text(), before, known.clone());
        Ok(known)
    }
}

/// Expiry, overlap and period ends are compared with the clock here, whenever the row was read.
fn authorize(known: Arc<CachedKey>, from: Option<IpAddr>, now: Timestamp) -> Result<KeyCaller, Refused> {
    let refusal = match known.status_at(now) {
        Some(KeyStatus::Active) => None,
        // What was its value once is nobody's now.
        None => return Err(Code::InvalidApiKey.into()),
        Some(KeyStatus::Revoked) => Some(Code::ApiKeyRevoked),
        Some(KeyStatus::Expired) => Some(Code::ApiKeyExpired),
        Some(KeyStatus::Disabled) => Some(Code::ApiKeyDisabled),
        Some(KeyStatus::Orphaned) => Some(Code::ApiKeyOrphaned),
    };
    let (None, Some((organization_role, role))) = (refusal, known.roles) else {
        return Err(Refused { error: refusal.unwrap_or(Code::ApiKeyOrphaned).into(), key: Some(known) });
    };
    if !known.admits(from) {
        return Err(Refused { error: Code::IpNotAllowed.into(), key: Some(known) });
    }
    let subscription = known.subscription_at(now);
    Ok(KeyCaller::new(known, organization_role, role, subscription, Hour::of(now)))
}
