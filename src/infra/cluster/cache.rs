//! [`Cache`]: values of the database that are never used after they have changed.

use super::{Cluster, Generation, Slot};
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache as Bounded, DefaultLifecycle};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A bounded cache of values by the SHA-256 of a credential. The least useful values are evicted first.
///
/// Cost of a hit: two loads for the lease and one reading of the clock, a lookup under a lock that readers share (only
/// a miss takes it alone, to enter a value), two loads for the generation. No allocation.
pub struct Cache<V> {
    /// `None`: nothing is cached.
    entries: Option<Arc<Entries<V>>>,
    cluster: Arc<Cluster>,
    figures: Arc<CacheFigures>,
}

type Entries<V> = Bounded<Digest, CacheEntry<V>, UnitWeighter, BuildHasherDefault<DigestHasher>>;

/// The most entries that are reserved at once. The system allocates memory only for used entries. A growing list would
/// be up to twice as long as its content, and be copied under its lock.
const MAX_RESERVED: usize = 1_000_000;

/// The counters of a cache.
#[derive(Debug, Default)]
struct CacheFigures {
    hits: AtomicU64,
    misses: AtomicU64,
}

struct CacheEntry<V> {
    value: Arc<V>,
    read: Generation,
    slot: Slot,
}

impl<V> Clone for CacheEntry<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), read: self.read, slot: self.slot }
    }
}

/// The result of a lookup.
#[derive(Debug)]
pub enum CacheLookup<V> {
    /// The current value.
    Fresh(Arc<V>),
    /// The caller must read the database, then call [`Cache::enter`] with this generation.
    Unknown {
        /// The generation before the read.
        before: Generation,
        /// Whether the cache has an outdated value.
        was_known: bool,
    },
}

impl<V> Cache<V> {
    /// Creates an empty cache of at most `capacity` values; 0 turns it off.
    pub fn new(cluster: &Arc<Cluster>, capacity: usize) -> Self {
        let bounded = || {
            let entries = Bounded::with(
                capacity,
                capacity as u64,
                UnitWeighter,
                BuildHasherDefault::default(),
                DefaultLifecycle::default(),
            );
            entries.reserve(capacity.min(MAX_RESERVED));
            Arc::new(entries)
        };
        Self { entries: (capacity > 0).then(bounded), cluster: cluster.clone(), figures: Arc::default() }
    }

    /// Looks a value up, and counts the lookup.
    pub fn get(&self, digest: &[u8; 32]) -> CacheLookup<V> {
        match self.find(digest, || self.cluster.clock.monotonic()) {
            Ok(value) => {
                self.count_hit();
                CacheLookup::Fresh(value)
            }
            Err(was_known) => {
                self.figures.misses.fetch_add(1, Ordering::Relaxed);
                CacheLookup::Unknown { before: self.cluster.generations.now(), was_known }
            }
        }
    }

    /// Returns the current value, if cached, for a request that came before the monotonic time `now`. Counts nothing: a
    /// caller that uses the value also calls [`Cache::count_hit`].
    pub fn peek(&self, digest: &[u8; 32], now: Duration) -> Option<Arc<V>> {
        self.find(digest, || now).ok()
    }

    /// Counts the use of a value from [`Cache::peek`].
    pub fn count_hit(&self) {
        self.figures.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the current value. The error is whether the cache has an outdated one.
    fn find(&self, digest: &[u8; 32], now: impl FnOnce() -> Duration) -> Result<Arc<V>, bool> {
        let cluster = &self.cluster;
        // The lease is checked before the generation: see the proof in the module's documentation.
        let may_use = cluster.lease.holds(now);
        let entry = self.entries.as_ref().and_then(|entries| entries.get(&Digest(*digest)));
        match entry {
            Some(CacheEntry { value, read, slot }) if may_use && cluster.generations.is_current(slot, read) => {
                Ok(value)
            }
            entry => Err(entry.is_some()),
        }
    }

    /// Caches a value that was read after `before`, until `group` is invalidated.
    pub fn enter(&self, digest: [u8; 32], group: &str, before: Generation, value: Arc<V>) {
        let read = match self.cluster.settings.faults.no_fence {
            true => self.cluster.generations.now(),
            false => before,
        };
        if let Some(entries) = &self.entries {
            entries.insert(Digest(digest), CacheEntry { value, read, slot: Slot::of(group) });
        }
    }

    /// Removes a value that no longer exists.
    pub fn forget(&self, digest: &[u8; 32]) {
        if let Some(entries) = &self.entries {
            entries.remove(&Digest(*digest));
        }
    }

    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |entries| entries.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<V: Send + Sync + 'static> Cache<V> {
    /// Registers lookups by outcome, and the number of entries, under these two names.
    pub fn register_metrics(&self, metrics: &Metrics, [lookups, entries]: [&'static str; 2]) {
        let figures = self.figures.clone();
        metrics.register(Kind::Counter, lookups, "Lookups in the cache", move |readings| {
            readings.set(&[("outcome", "hit")], figures.hits.load(Ordering::Relaxed));
            readings.set(&[("outcome", "miss")], figures.misses.load(Ordering::Relaxed));
        });
        let kept = self.entries.clone();
        metrics.register(Kind::Gauge, entries, "Values in the cache", move |readings| {
            readings.set(&[], kept.as_ref().map_or(0, |kept| kept.len() as u64));
        });
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A SHA-256, which is its own hash.
#[derive(Clone, PartialEq, Eq)]
struct Digest([u8; 32]);

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

#[derive(Clone, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Never called for a `Digest`, so any mixture is good enough.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
