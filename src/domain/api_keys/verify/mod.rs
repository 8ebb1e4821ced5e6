//! Verifies keys: for each request of an API client, and for gateways about their clients' keys.
//!
//! Cost of a cached key: the checksum and a SHA-256 of about 40 bytes, a lookup ([`crate::infra::cluster::Cache`]),
//! comparisons with the clock, and some atomic operations that note the use; no statement, no other thread, no
//! allocation. Cost of another key: one SELECT by the SHA-256 on a blocking thread, with joins by primary or unique
//! key. A mistyped key costs neither.

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
use crate::base::policy::PermissionCatalog;
use crate::base::time::Clock;
use crate::base::time::Moment;
use crate::base::time::Timestamp;
use crate::domain::access::Presented;
use crate::domain::api_keys::KeyCaller;
use crate::domain::subscriptions::PlanNames;
use crate::domain::usage::{CountedRequest, Hour, RequestOutcome, Usage};
use crate::infra::cluster::{Cache, CacheLookup, Cluster, Generation};
use crate::infra::db::Db;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use unknown_keys::UnknownKeys;

/// The sender of a key to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentedBy {
    /// The key's holder. Unknown keys are limited for each client address.
    Client,
    /// A service, for its many clients. They share one address, so a limit on it would reject all of them for one
    /// client's keys. The service is trusted, and can limit its clients itself.
    Service,
}

/// Why a key was rejected.
#[derive(Debug)]
pub struct Refused {
    /// The answer for the key's holder.
    pub error: ApiError,
    /// The key, if it exists.
    pub key: Option<Arc<CachedKey>>,
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self { error: error.into(), key: None }
    }
}

/// The module's part of the shared state: key format, cached keys, and the uses and requests not yet written.
#[derive(Debug)]
pub struct ApiKeys {
    pub format: KeyFormat,
    pub headers: KeyHeaders,
    pub last_used: LastUsed<CachedKey>,
    pub usage: Usage<CachedKey>,
    pub cache: Cache<CachedKey>,
    unknown_keys: UnknownKeys,
    plans: Arc<PlanNames>,
    catalog: Arc<PermissionCatalog>,
    db: Db,
    clock: Clock,
    /// Whether the subscription gate is enforced.
    is_gated: bool,
    /// Delays each fill of the cache. Tests inject this fault.
    slow_fill: Duration,
}

impl ApiKeys {
    pub fn new(config: &Config, catalog: &Arc<PermissionCatalog>, db: &Db, cluster: &Arc<Cluster>) -> Self {
        Self {
            format: KeyFormat::new(&config.keys),
            headers: KeyHeaders::new(&config.keys),
            last_used: LastUsed::of_table("api_keys"),
            usage: Usage::default(),
            cache: Cache::new(cluster, config.cluster.cached_keys),
            unknown_keys: UnknownKeys::new(config, cluster),
            plans: Arc::new(PlanNames::new(config)),
            catalog: Arc::clone(catalog),
            db: db.clone(),
            clock: cluster.clock().clone(),
            is_gated: config.subscription.enforce,
            slow_fill: config.cluster.faults.slow_fill,
        }
    }

    /// Verifies a key and returns its caller.
    ///
    /// # Errors
    /// With the key: `api_key_revoked`, `api_key_expired`, `api_key_disabled`, `api_key_orphaned`, `ip_not_allowed`.
    /// Without the key: `invalid_api_key`; `rate_limited` after too many unknown keys from the address, if the key's
    /// holder sends it; `unavailable` when the database can't be reached.
    pub async fn verify(
        &self,
        key: PresentedKey<'_>,
        from: Option<IpAddr>,
        presented_by: PresentedBy,
    ) -> Result<KeyCaller, Refused> {
        if !self.format.recognizes(key) {
            return Err(Code::InvalidApiKey.into());
        }
        let digest = key.hash();
        let known = match self.cache.get(&digest) {
            CacheLookup::Fresh(known) => known,
            CacheLookup::Unknown { before, was_known } => {
                if !was_known {
                    self.unknown_keys.check_not_cached(&digest)?;
                    if presented_by == PresentedBy::Client {
                        self.unknown_keys.check_limit(from, self.clock.now())?;
                    }
                }
                // Boxed, so that the future for a cached key stays small to move.
                Box::pin(self.look_up(digest, before, from, presented_by)).await?
            }
        };
        let now = self.clock.now();
        let caller = authorize(known, self.presented(digest, from), now).inspect_err(|refused| {
            if let Some(key) = &refused.key {
                self.usage.count(key, Hour::of(now), RequestOutcome::Refused);
            }
        })?;
        self.last_used.note(caller.shared(), now);
        Ok(caller)
    }

    /// Returns the caller of a valid cached key. `None` in any other case, for which [`ApiKeys::verify`] has the
    /// answer. Notes no use; [`ApiKeys::record_admitted`] does.
    pub fn lookup_cached(&self, key: PresentedKey<'_>, from: Option<IpAddr>, at: &Moment) -> Option<KeyCaller> {
        if !self.format.recognizes(key) {
            return None;
        }
        let digest = key.hash();
        let known = self.cache.peek(&digest, at.monotonic)?;
        authorize(known, self.presented(digest, from), at.now).ok()
    }

    /// Notes an admitted request of a caller from [`ApiKeys::lookup_cached`].
    pub fn record_admitted(&self, caller: &KeyCaller, at: &Moment) {
        self.cache.count_hit();
        self.last_used.note(caller.shared(), at.now);
        self.usage.count(caller.shared(), caller.hour, RequestOutcome::Admitted);
    }

    /// Begins to count a request of a caller from [`ApiKeys::verify`]. The result counts it with its outcome on drop.
    /// `verify` itself counts the requests that it refuses.
    pub fn begin(&self, caller: &KeyCaller) -> CountedRequest<'_, CachedKey> {
        self.usage.begin(caller.shared().clone(), caller.hour)
    }

    /// Writes the uses that are in memory. Blocks.
    pub fn flush_last_used(&self) {
        self.last_used.flush(&self.db);
    }

    fn presented(&self, hash: [u8; 32], from: Option<IpAddr>) -> Presented {
        Presented { hash, from, is_gated: self.is_gated }
    }

    /// Reads the key from the database and caches the result.
    async fn look_up(
        &self,
        digest: [u8; 32],
        before: Generation,
        from: Option<IpAddr>,
        presented_by: PresentedBy,
    ) -> Result<Arc<CachedKey>, ApiError> {
        let (plans, catalog) = (Arc::clone(&self.plans), Arc::clone(&self.catalog));
        let found = self
            .db
            .for_all_tenants()
            .read(move |conn| CachedKey::find(conn, &catalog, &digest, |plan| plans.shared(plan)))
            .await?;
        let Some(known) = found.map(Arc::new) else {
            self.cache.forget(&digest);
            self.unknown_keys.remember(digest, before);
            if presented_by == PresentedBy::Client {
                self.unknown_keys.count(from, self.clock.now());
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

/// Compares expiry, overlap and period ends with the current time, since the row may have been read earlier.
pub(super) fn authorize(known: Arc<CachedKey>, presented: Presented, now: Timestamp) -> Result<KeyCaller, Refused> {
    let refusal = match known.status_at(now) {
        Some(KeyStatus::Active) => None,
        // A value that a roll has ended is an unknown key.
        None => return Err(Code::InvalidApiKey.into()),
        Some(KeyStatus::Revoked) => Some(Code::ApiKeyRevoked),
        Some(KeyStatus::Expired) => Some(Code::ApiKeyExpired),
        Some(KeyStatus::Disabled) => Some(Code::ApiKeyDisabled),
        Some(KeyStatus::Orphaned) => Some(Code::ApiKeyOrphaned),
    };
    let (None, Some((organization_role, role))) = (refusal, known.roles()) else {
        return Err(Refused { error: refusal.unwrap_or(Code::ApiKeyOrphaned).into(), key: Some(known) });
    };
    if !known.admits(presented.from) {
        return Err(Refused { error: Code::IpNotAllowed.into(), key: Some(known) });
    }
    Ok(KeyCaller::new(known, organization_role, role, now, presented))
}
