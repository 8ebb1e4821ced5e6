//! [`UnknownKeys`]: keys that nobody has, so that a flood of them does not reach the database.
//!
//! Only well-formed keys count, since a wrong checksum costs nothing. A key that was looked up in vain is remembered: a
//! program that goes on with a deleted key costs one statement. Ever new ones are limited per client address, while keys that
//! this node knows are not: a tenant behind the same address goes on.

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::network::network;
use crate::base::time::Timestamp;
use crate::infra::cluster::{Cache, CacheLookup, Cluster, Generation, UNKNOWN_KEYS};
use crate::infra::throttle::Throttle;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How many keys are remembered as nobody's.
const REMEMBERED: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Keys that nobody has, and who brought how many of them.
pub(super) struct UnknownKeys {
    nobodys: Cache<()>,
    nothing: Arc<()>,
    brought: Throttle,
    most_a_minute: u32,
}

impl std::fmt::Debug for UnknownKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnknownKeys").field("nobodys", &self.nobodys).finish_non_exhaustive()
    }
}

impl UnknownKeys {
    /// With nothing counted.
    pub(super) fn new(config: &Config, cluster: &Arc<Cluster>) -> Self {
        Self {
            nobodys: Cache::new(cluster, REMEMBERED.min(config.cluster.cached_keys)),
            nothing: Arc::new(()),
            brought: Throttle::new(MINUTE),
            most_a_minute: config.rate_limit.unknown_keys_per_minute,
        }
    }

    /// Whether a key that this node does not know may be somebody's.
    ///
    /// # Errors
    /// `invalid_api_key` for one that is known to be nobody's.
    pub(super) fn check_not_cached(&self, digest: &[u8; 32]) -> Result<(), ApiError> {
        match self.nobodys.get(digest) {
            CacheLookup::Fresh(_) => Err(Code::InvalidApiKey.into()),
            CacheLookup::Unknown { .. } => Ok(()),
        }
    }

    /// Whether one more key that this node does not know may be looked up for that address.
    ///
    /// # Errors
    /// `rate_limited` when too many that are nobody's came from there.
    pub(super) fn check_limit(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), ApiError> {
        match self.charge(from, now) {
            // Only a look: it counts when it fails.
            Ok(charge) => self.brought.give_back(charge),
            Err(wait) => {
                let message = "Too many unknown API keys came from your address. Try again later.";
                return Err(ApiError::rate_limited(message, wait));
            }
        }
        Ok(())
    }

    /// The key is nobody's, by what was read after `before`.
    pub(super) fn remember(&self, digest: [u8; 32], before: Generation) {
        self.nobodys.enter(digest, UNKNOWN_KEYS, before, self.nothing.clone());
    }

    /// A key that is nobody's came from there.
    pub(super) fn count(&self, from: Option<IpAddr>, now: Timestamp) {
        // A bucket that has filled up meanwhile is full.
        _ = self.charge(from, now);
    }

    fn charge(&self, from: Option<IpAddr>, now: Timestamp) -> Result<crate::infra::throttle::Permit, Duration> {
        self.brought.charge(&[(from.map(network), self.most_a_minute)], now)
    }
}
