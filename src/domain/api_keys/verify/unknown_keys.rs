//! [`UnknownKeys`]: keeps a flood of unknown keys from the database.
//!
//! Only well-formed keys count, since a wrong checksum costs marker. A key that was not found is remembered, so a
//! program that keeps using a deleted key costs one statement. New unknown keys are limited per client address. Keys
//! that this node has in its cache are not limited, so a tenant behind the same address is not affected.

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::network::network;
use crate::base::time::Timestamp;
use crate::infra::cluster::{Cache, CacheLookup, Cluster, Generation, UNKNOWN_KEYS};
use crate::infra::throttle::Throttle;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The maximum number of remembered unknown keys.
const MAX_REMEMBERED: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// The remembered unknown keys, and the number of lookups of unknown keys per client address.
pub(super) struct UnknownKeys {
    negative_cache: Cache<()>,
    marker: Arc<()>,
    attempts: Throttle,
    most_a_minute: u32,
}

impl std::fmt::Debug for UnknownKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnknownKeys").field("negative_cache", &self.negative_cache).finish_non_exhaustive()
    }
}

impl UnknownKeys {
    pub(super) fn new(config: &Config, cluster: &Arc<Cluster>) -> Self {
        Self {
            negative_cache: Cache::new(cluster, MAX_REMEMBERED.min(config.cluster.cached_keys)),
            marker: Arc::new(()),
            attempts: Throttle::new(MINUTE),
            most_a_minute: config.rate_limit.unknown_keys_per_minute,
        }
    }

    /// Checks that a key outside the cache is not remembered as unknown.
    ///
    /// # Errors
    /// `invalid_api_key` for a remembered unknown key.
    pub(super) fn check_not_cached(&self, digest: &[u8; 32]) -> Result<(), ApiError> {
        match self.negative_cache.get(digest) {
            CacheLookup::Fresh(_) => Err(Code::InvalidApiKey.into()),
            CacheLookup::Unknown { .. } => Ok(()),
        }
    }

    /// Checks that a key outside the cache may be looked up for the address.
    ///
    /// # Errors
    /// `rate_limited` when too many unknown keys came from the address.
    pub(super) fn check_limit(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), ApiError> {
        match self.charge(from, now) {
            // The lookup counts only if it finds no key; see `count`.
            Ok(charge) => self.attempts.give_back(charge),
            Err(wait) => {
                let message = "Too many unknown API keys came from your address. Try again later.";
                return Err(ApiError::rate_limited(message, wait));
            }
        }
        Ok(())
    }

    /// Remembers a key as unknown, as read at generation `before` or later.
    pub(super) fn remember(&self, digest: [u8; 32], before: Generation) {
        self.negative_cache.enter(digest, UNKNOWN_KEYS, before, self.marker.clone());
    }

    /// Counts an unknown key for the address.
    pub(super) fn count(&self, from: Option<IpAddr>, now: Timestamp) {
        // The result does not matter: a bucket that has become full stays full.
        _ = self.charge(from, now);
    }

    fn charge(&self, from: Option<IpAddr>, now: Timestamp) -> Result<crate::infra::throttle::Permit, Duration> {
        self.attempts.charge(&[(from.map(network), self.most_a_minute)], now)
    }
}
