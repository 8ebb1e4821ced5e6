//! `[cluster]`: how this node works with others on the same database.

use super::{Server, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[cluster]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// How long a node may use its cache without hearing from the database, and so the longest that a call which
    /// removes access waits for a silent node.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// The most API keys, and the most service tokens, in a node's cache; 0: each request reads the database.
    pub cached_keys: usize,
    /// Faults that tests inject, to prove that they detect them.
    #[doc(hidden)]
    #[serde(skip)]
    pub faults: ClusterFaults,
}

/// Faults in the cluster's protocol, for tests. No configuration sets them.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct ClusterFaults {
    /// Calls that remove access answer without waiting for other nodes.
    pub no_wait: bool,
    /// A cached value counts as read when it enters the cache, instead of before it is read.
    pub no_fence: bool,
    /// A write does not read its caller's authority again.
    pub no_confirmation: bool,
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
