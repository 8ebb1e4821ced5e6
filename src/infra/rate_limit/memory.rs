//! Limits counted in this node's memory.
//!
//! A key's bucket lies in the shard of its workspace, beside the workspace's own: one lock covers both, so a request is
//! charged to both or to neither, exactly, whatever races. The lock is held for two lookups and a few multiplications.
//!
//! Cost: 64 shards, one uncontended lock, three hashes of an id; no allocation except for a new bucket.

use super::StoreDecision;
use super::bucket::{Bucket, Quota};
use crate::base::ids::{KeyId, WorkspaceId};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

const SHARDS: usize = 64;

/// The buckets of all recently used keys and workspaces.
pub(super) struct MemoryStore {
    // Keyward makes the ids, so callers can't aim at collisions, and a fast hash is enough.
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    keys: HashMap<KeyId, Bucket, RandomState>,
    workspaces: HashMap<WorkspaceId, Bucket, RandomState>,
}

impl MemoryStore {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::default(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Charges both buckets, or neither if one has no room. `now` is in nanoseconds.
    pub(super) fn charge(
        &self,
        (key, key_quota): (&KeyId, &Quota),
        (workspace, workspace_quota): (&WorkspaceId, &Quota),
        cost: f64,
        now: u64,
    ) -> StoreDecision {
        let place = self.hasher.hash_one(workspace) as usize % SHARDS;
        let mut shard = self.shards[place].lock();
        let Shard { keys, workspaces } = &mut *shard;
        let key = keys.entry(*key).or_insert(Bucket::EMPTY);
        let workspace = workspaces.entry(*workspace).or_insert(Bucket::EMPTY);
        let (mut key_used, mut workspace_used) = (key.used(key_quota, now), workspace.used(workspace_quota, now));
        let admitted = key_quota.fits(key_used, cost) && workspace_quota.fits(workspace_used, cost);
        if admitted {
            key_used += cost;
            workspace_used += cost;
            key.set(key_used, now);
            workspace.set(workspace_used, now);
        }
        StoreDecision { admitted, key_used, workspace_used }
    }

    /// Removes buckets that were idle for `longest_window`, and so are empty: a missing bucket counts as empty. Locks
    /// one shard at a time.
    pub(super) fn forget_rested(&self, longest_window: Duration, now: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let Shard { keys, workspaces } = &mut *shard;
            forget(keys, longest_window, now);
            forget(workspaces, longest_window, now);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Mutex::lock).map(|shard| shard.keys.len() + shard.workspaces.len()).sum()
    }
}

fn forget<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket, RandomState>, longest_window: Duration, now: u64) {
    buckets.retain(|_, bucket| bucket.rested_for(now) < longest_window);
    if buckets.capacity() / 4 > buckets.len() {
        buckets.shrink_to(buckets.len() * 2);
    }
}
