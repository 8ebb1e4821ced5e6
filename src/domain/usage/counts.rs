//! Counts requests in memory: [`KeyUsage`] in the cached record of a key, and [`Usage`], which lists the counting
//! records.

use super::model;
use super::model::UsageRow;
use super::tally::{Hour, RequestOutcome, Tally};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::infra::db::Db;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Rows per transaction: seven parameters each, well below both databases' limits.
const BATCH: usize = 1_000;
/// Workspaces whose counts are taken under one lock, so that no request waits long for it, and 100,000 rows are never
/// in memory at once.
const MAX_BATCH: usize = 256;

/// The requests of a key in one hour that [`Usage`] has not taken yet. 16 bytes, since a node caches 100,000 of them.
///
/// The request that raises a counter from 0 also lists the record in [`Usage`], so a record with a count is listed or
/// about to be. A count is in one place at any time, since it is taken by an exchange. A request that comes exactly
/// when the hour changes, between the check of the hour and the addition, may count in the next hour.
#[derive(Debug, Default)]
pub struct KeyUsage {
    /// Written only under the lock of [`Usage`].
    hour: AtomicU32,
    admitted: AtomicU32,
    limited: AtomicU32,
    refused: AtomicU32,
}

impl KeyUsage {
    fn of(&self, outcome: RequestOutcome) -> &AtomicU32 {
        match outcome {
            RequestOutcome::Admitted => &self.admitted,
            RequestOutcome::Limited => &self.limited,
            RequestOutcome::Refused => &self.refused,
        }
    }

    fn take(&self) -> Tally {
        let take = |outcome| u64::from(self.of(outcome).swap(0, Relaxed));
        Tally {
            admitted: take(RequestOutcome::Admitted),
            limited: take(RequestOutcome::Limited),
            refused: take(RequestOutcome::Refused),
        }
    }
}

/// The key whose requests are counted.
#[derive(Clone, Copy, Debug)]
pub struct CountedKey {
    pub id: KeyId,
    pub workspace_id: WorkspaceId,
    pub organization_id: OrganizationId,
}

/// A cached record of a key, which holds its counts.
pub trait Counted {
    fn key(&self) -> CountedKey;

    /// Returns the counts that [`Usage`] has not taken yet.
    fn usage(&self) -> &KeyUsage;
}

/// The counts that are not written yet.
pub struct Usage<R> {
    waiting: Mutex<HashMap<WorkspaceId, Waiting<R>>>,
    /// Write-locked from before a batch is written until it is removed from memory. Read-locked by readers of both
    /// memory and database.
    writing: RwLock<()>,
    /// The number of rows that the last flush could not write.
    failed: Arc<AtomicU64>,
}

/// The unwritten counts of a workspace.
struct Waiting<R> {
    organization_id: OrganizationId,
    /// Records that may hold counts. A record may be listed twice, after the key was read again or the hour changed.
    noted: Vec<Arc<R>>,
    /// Counts taken out of records.
    tallies: HashMap<(KeyId, Hour), Tally>,
}

impl<R: Counted> Waiting<R> {
    fn take_from(&mut self, record: &R) {
        let (usage, tally) = (record.usage(), record.usage().take());
        if !tally.is_empty() {
            *self.tallies.entry((record.key().id, Hour(usage.hour.load(Relaxed)))).or_default() += tally;
        }
    }

    fn take_from_noted(&mut self) {
        for record in std::mem::take(&mut self.noted) {
            self.take_from(&record);
        }
    }
}

impl<R> Default for Usage<R> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), writing: RwLock::default(), failed: Arc::default() }
    }
}

impl<R: Counted> Usage<R> {
    /// Counts a request. Cost: one relaxed load and one relaxed addition; a lock for the first request of a key and an
    /// outcome after each flush, and for the first request of an hour.
    pub fn count(&self, record: &Arc<R>, hour: Hour, outcome: RequestOutcome) {
        let usage = record.usage();
        if usage.hour.load(Relaxed) != hour.0 {
            self.start_hour(record, hour, outcome);
        } else if usage.of(outcome).fetch_add(1, Relaxed) == 0 {
            self.note(record);
        }
    }

    /// Begins to count a request whose outcome is not known yet.
    pub fn begin(&self, record: Arc<R>, hour: Hour) -> CountedRequest<'_, R> {
        CountedRequest { usage: self, record, hour, outcome: None }
    }

    #[cold]
    fn note(&self, record: &Arc<R>) {
        let mut waiting = self.waiting.lock();
        waiting_of(&mut waiting, record.key()).noted.push(record.clone());
    }

    /// Sets the record to another hour: usually the next one, or an earlier one for a request that began before the
    /// hour changed, or after the clock was set back.
    #[cold]
    fn start_hour(&self, record: &Arc<R>, hour: Hour, outcome: RequestOutcome) {
        let (key, mut waiting) = (record.key(), self.waiting.lock());
        let waiting = waiting_of(&mut waiting, key);
        waiting.take_from(record);
        record.usage().hour.store(hour.0, Relaxed);
        waiting.tallies.entry((key.id, hour)).or_default().count(outcome);
    }

    /// Runs `read` with the unwritten counts of a workspace. Meanwhile the database has exactly the rest of this node's
    /// counts: none is missing, and none is in both places.
    pub fn beside_unwritten<T>(
        &self,
        workspace: WorkspaceId,
        read: impl FnOnce(&mut dyn Iterator<Item = (KeyId, Hour, Tally)>) -> T,
    ) -> T {
        let _reading = self.writing.read();
        let unwritten: Vec<_> = match self.waiting.lock().get_mut(&workspace) {
            None => Vec::new(),
            Some(waiting) => {
                waiting.take_from_noted();
                waiting.tallies.iter().map(|((key, hour), tally)| (*key, *hour, *tally)).collect()
            }
        };
        read(&mut unwritten.into_iter())
    }

    /// Writes the counts. Unwritten counts are kept for the next flush. Blocks.
    pub fn flush(&self, db: &Db) {
        let workspaces = self.workspaces();
        if workspaces.is_empty() {
            self.failed.store(0, Relaxed);
            return;
        }
        let outcome = db.for_all_tenants().session_blocking(|session| {
            for some in workspaces.chunks(MAX_BATCH) {
                for batch in self.take(some).chunks(BATCH) {
                    let _writing = self.writing.write();
                    session.write(|conn| model::add(conn, batch))?;
                    self.forget(batch);
                }
            }
            Ok::<_, ApiError>(())
        });
        let left = if outcome.is_err() { self.waiting_rows() } else { 0 };
        self.failed.store(left as u64, Relaxed);
        if let Err(error) = outcome {
            tracing::warn!(%error, cause = error.cause(), rows = left, "usage is not written yet; it is kept");
        }
    }

    /// Registers the metric of rows that could not be written.
    pub fn register_metrics(&self, metrics: &Metrics) {
        let failed = self.failed.clone();
        let help = "Rows of usage that the last attempt could not write; they are kept for the next one";
        metrics.register(Kind::Gauge, "usage_unwritten", help, move |readings| {
            readings.set(&[], failed.load(Relaxed));
        });
    }

    /// Returns the workspaces with counts to write.
    fn workspaces(&self) -> Vec<WorkspaceId> {
        self.waiting.lock().keys().copied().collect()
    }

    /// Returns the number of rows to write, estimated without reading the listed records.
    fn waiting_rows(&self) -> usize {
        self.waiting.lock().values().map(|waiting| waiting.tallies.len() + waiting.noted.len()).sum()
    }

    /// Takes the counts out of the records of some workspaces, and returns the rows to write. All nodes write rows in
    /// the order of keys and hours, so that no two deadlock.
    fn take(&self, some: &[WorkspaceId]) -> Vec<UsageRow> {
        let (mut rows, mut all) = (Vec::new(), self.waiting.lock());
        for id in some {
            let Some(waiting) = all.get_mut(id) else { continue };
            waiting.take_from_noted();
            if waiting.tallies.is_empty() {
                all.remove(id);
                continue;
            }
            let organization_id = waiting.organization_id;
            rows.extend(waiting.tallies.iter().map(|((key, hour), tally)| UsageRow {
                key: CountedKey { id: *key, workspace_id: *id, organization_id },
                hour: *hour,
                tally: *tally,
            }));
        }
        rows.sort_unstable_by_key(|row| (row.key.id, row.hour));
        rows
    }

    /// Removes written counts from memory; later counts stay.
    fn forget(&self, rows: &[UsageRow]) {
        let mut all = self.waiting.lock();
        for UsageRow { key, hour, tally } in rows {
            let Some(waiting) = all.get_mut(&key.workspace_id) else { continue };
            if let Some(left) = waiting.tallies.get_mut(&(key.id, *hour)) {
                *left -= *tally;
                if left.is_empty() {
                    waiting.tallies.remove(&(key.id, *hour));
                }
            }
            if waiting.tallies.is_empty() && waiting.noted.is_empty() {
                all.remove(&key.workspace_id);
            }
        }
        // After a burst of 100,000 keys, the empty table would keep megabytes.
        if all.capacity() / 4 > all.len() {
            all.shrink_to_fit();
        }
    }
}

fn waiting_of<R>(waiting: &mut HashMap<WorkspaceId, Waiting<R>>, key: CountedKey) -> &mut Waiting<R> {
    waiting.entry(key.workspace_id).or_insert_with(|| Waiting {
        organization_id: key.organization_id,
        noted: Vec::new(),
        tallies: HashMap::new(),
    })
}

impl<R> fmt::Debug for Usage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// A request of a key. It counts exactly once, on drop, however the request ends.
pub struct CountedRequest<'u, R: Counted> {
    usage: &'u Usage<R>,
    record: Arc<R>,
    hour: Hour,
    outcome: Option<RequestOutcome>,
}

impl<R: Counted> CountedRequest<'_, R> {
    /// Sets the outcome known so far. Without an outcome the request does not count.
    pub fn ends(&mut self, outcome: RequestOutcome) {
        self.outcome = Some(outcome);
    }
}

impl<R: Counted> Drop for CountedRequest<'_, R> {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.usage.count(&self.record, self.hour, outcome);
        }
    }
}

#[cfg(test)]
mod tests;
