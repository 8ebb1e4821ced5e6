//! [`RemoteKeys`]: fetches and caches the keys that another party publishes, such as an issuer.
//!
//! [`RemoteKeys::find`] answers from the cached set while it is fresh. Otherwise, or for an unknown key, one request
//! fetches, and the others wait for it. A key that is published later is found at its first use. Fetches for unknown
//! keys have a [budget](RefreshPolicy), so tokens with made-up key ids cause no storm. Once it is spent, Keyward can't
//! tell whether a key is made up or new, which is not the caller's fault: 503, never 401. The same holds while the
//! endpoint is down: the old set serves for a bounded time, and after that no token can be checked.

mod fetch;
mod pace;
mod snapshot;

pub(crate) use fetch::Source;
pub(crate) use pace::{ISSUERS, Meanwhile, RefreshPolicy};

use crate::base::error::ApiError;
use crate::base::time::Clock;
use fetch::Fetcher;
use parking_lot::RwLock;
use snapshot::Snapshot;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Parses a response: returns the set of keys, or the reason for the failure.
pub(crate) type ParseKeys<S> = Box<dyn Fn(&[u8]) -> Result<S, String> + Send + Sync>;

/// The keys of one source, in a set of type `S`.
pub(crate) struct RemoteKeys<S> {
    fetcher: Fetcher,
    reader: ParseKeys<S>,
    policy: RefreshPolicy,
    kept: RwLock<Arc<Snapshot<S>>>,
    /// How many fetches have begun.
    begun: AtomicU64,
    /// Held by the one request that fetches.
    fetching: tokio::sync::Mutex<()>,
}

impl<S> RemoteKeys<S> {
    /// Creates an empty set for the source. Fetches nothing yet. `time_limit` is for a fetch, from the connection to
    /// the last byte.
    pub(crate) fn of(source: Source, reader: ParseKeys<S>, time_limit: Duration, policy: RefreshPolicy) -> Self {
        Self {
            fetcher: Fetcher::new(source, policy.least_fresh, time_limit),
            reader,
            policy,
            kept: RwLock::new(Arc::new(Snapshot::empty(&policy))),
            begun: AtomicU64::new(0),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// Returns what `pick` finds in the set; `None` if it finds nothing in a set that was fetched for this request, or
    /// by the policy's [`Meanwhile::Unknown`].
    ///
    /// # Errors
    /// `unavailable` if no set can be fetched, or none for an unknown key now.
    pub(crate) async fn find<T>(&self, pick: impl Fn(&S) -> Option<T>, clock: &Clock) -> Result<Option<T>, ApiError> {
        let begun = self.begun.load(Ordering::Acquire);
        let (first, now) = (self.kept(), clock.now());
        if let Some(found) = first.fresh(&pick, now) {
            return Ok(Some(found));
        }
        let _alone = match self.fetching.try_lock() {
            Ok(guard) => guard,
            Err(_) => {
                // Another request fetches. A stale key serves meanwhile, so that a hanging endpoint delays one request
                // only.
                if let Some(found) = first.stale(&pick, now) {
                    return Ok(Some(found));
                }
                self.fetching.lock().await
            }
        };
        // The last holder of the lock may have fetched the key.
        let (kept, now) = (self.kept(), clock.now());
        if !Arc::ptr_eq(&first, &kept)
            && let Some(found) = kept.fresh(&pick, now)
        {
            return Ok(Some(found));
        }
        if kept.is_newer_than(begun) && kept.is_fresh(now) {
            return Ok(None);
        }
        if !kept.may_fetch(now, &self.policy) {
            return kept.answer(pick, now, &self.policy);
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let underway = Arc::new(kept.fetching(now, &self.policy));
        *self.kept.write() = Arc::clone(&underway);
        match self.fetcher.fetch().await.and_then(|(body, fresh)| Ok(((self.reader)(&body)?, fresh))) {
            Ok((set, fresh)) => {
                let found = pick(&set);
                *self.kept.write() = Arc::new(underway.fetched(set, number, now.plus(fresh)));
                Ok(found)
            }
            Err(error) => {
                tracing::warn!(source = ?self.fetcher.source, error, "published keys can't be fetched");
                underway.answer(pick, now, &self.policy)
            }
        }
    }

    fn kept(&self) -> Arc<Snapshot<S>> {
        Arc::clone(&self.kept.read())
    }
}
