//! `[cluster]`: this process among those on the same database.

use super::{Server, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[cluster]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// How long a node may answer from its cache without a word from the database, and so the longest that a call which
    /// takes access away waits for a node that is silent.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// The most API keys, and the most service tokens, that a node keeps in memory; 0: each request reads the database.
    pub cached_keys: usize,
    /// Ways to break it, so that tests can show that they would notice.
    #[doc(hidden)]
    #[serde(skip)]
    pub faults: ClusterFaults,
}

/// Ways to break the cluster's promise. No configuration reaches them.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct ClusterFaults {
    /// Calls that take access away answer without waiting for other nodes.
    pub no_wait: bool,
    /// A cached value counts as read when it entered, not before it was read.
    pub no_fence: bool,
    /// How long a value is on its way from the database into the cache.
    pub slow_fill: Duration,
}

impl ClusterSettings {
    pub(super) fn check(&self, server: &Server) -> Result<(), String> {
        let least = Duration::from_millis(100);
        if self.lease < least || self.lease * 2 > server.request_timeout {
            return Err(format!(
                "cluster.lease: must be at least 100ms, and at most half of server.request_timeout ({:?})",
                server.request_timeout
            ));
        }
        Ok(())
    }
}
