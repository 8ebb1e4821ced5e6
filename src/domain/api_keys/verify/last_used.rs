//! `lastUsedAt` without a write on the request path: a use is an atomic store in the cached record. Every few seconds
//! one statement writes all changes.

use crate::base::error::ApiError;
use crate::base::sql::sql_types::Timestamptz;
use crate::base::sql::{Conn, each, rows_of_parameters};
use crate::base::time::Timestamp;
use crate::infra::db::Db;
use diesel::prelude::*;
use diesel::sql_types::Text;
use parking_lot::Mutex;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Rows per statement: two parameters each, well below both databases' limits.
const BATCH: usize = 500;
/// The value of a [`LastUse`] with marker to write. It is earlier than any use.
const NOTHING: i64 = 0;

/// The interval between flushes, and so the most that a crash can lose.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// The last use of a credential that is not flushed yet, in milliseconds since 1970.
#[derive(Debug, Default)]
pub struct LastUse(AtomicI64);

/// A cached record of a credential, which holds its last use.
pub trait Used {
    type Id: Copy + Eq + Hash + Display;

    fn id(&self) -> Self::Id;

    /// Returns the last use that is not flushed yet.
    fn last_use(&self) -> &LastUse;
}

/// The uses that are not flushed yet.
pub struct LastUsed<R: Used> {
    /// The table whose `last_used_at` is written.
    table: &'static str,
    /// The records with something to write.
    noted: Mutex<Noted<R>>,
}

type Noted<R> = HashMap<<R as Used>::Id, Uses<R>>;

/// The records of one id that have something to write. An enum, since a list for each of 100,000 ids costs too much.
enum Uses<R> {
    One(Arc<R>),
    /// The record was read again meanwhile.
    #[expect(clippy::box_collection, reason = "rare, and a list in place would make each of the others larger")]
    Several(Box<Vec<Arc<R>>>),
}

impl<R> Uses<R> {
    fn add(&mut self, record: Arc<R>) {
        match self {
            Self::One(first) => *self = Self::Several(Box::new(vec![first.clone(), record])),
            Self::Several(records) => records.push(record),
        }
    }

    fn records(&self) -> &[Arc<R>] {
        match self {
            Self::One(record) => std::slice::from_ref(record),
            Self::Several(records) => records,
        }
    }

    /// Keeps the records for which `keep` is true. Returns whether any are left.
    fn retain(&mut self, keep: impl Fn(&R) -> bool) -> bool {
        match self {
            Self::One(record) => keep(record),
            Self::Several(records) => {
                records.retain(|record| keep(record));
                !records.is_empty()
            }
        }
    }
}

impl<R: Used> LastUsed<R> {
    pub fn of_table(table: &'static str) -> Self {
        Self { table, noted: Mutex::default() }
    }

    /// Notes a use. Cost: one atomic load for a use in the same millisecond as the last, else one exchange; a short
    /// lock once per flush.
    pub fn note(&self, record: &Arc<R>, now: Timestamp) {
        let (last, now) = (record.last_use(), now.millis());
        if last.0.load(Ordering::Relaxed) >= now {
            return;
        }
        if last.0.fetch_max(now, Ordering::AcqRel) == NOTHING {
            match self.noted.lock().entry(record.id()) {
                Entry::Vacant(free) => drop(free.insert(Uses::One(record.clone()))),
                Entry::Occupied(mut uses) => uses.get_mut().add(record.clone()),
            }
        }
    }

    /// Returns the later of the row's and the memory's last use.
    pub fn latest(&self, id: R::Id, written: Option<Timestamp>) -> Option<Timestamp> {
        written.max(self.noted.lock().get(&id).and_then(|uses| latest_of(uses)))
    }

    /// Returns the ids used since a moment whose use may not be flushed yet. Scans all noted records.
    pub fn used_since(&self, moment: Timestamp) -> HashSet<R::Id> {
        let noted = self.noted.lock();
        let used = noted.iter().filter(|(_, uses)| latest_of(uses).is_some_and(|last| last >= moment));
        used.map(|(id, _)| *id).collect()
    }

    /// Writes the noted uses. Uses that can't be written are kept for the next flush. Blocks.
    pub fn flush(&self, db: &Db) {
        let batch: Vec<(R::Id, Timestamp)> =
            self.noted.lock().iter().filter_map(|(id, uses)| Some((*id, latest_of(uses)?))).collect();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = db.for_all_tenants().write_blocking(|conn| write(conn, self.table, &batch)) {
            tracing::warn!(%error, rows = batch.len(), "last uses are not written yet");
            return;
        }
        // Removed only after the write, so that a listing never misses a use. A record that was used again stays.
        let mut noted = self.noted.lock();
        for (id, written) in batch {
            if let Entry::Occupied(mut uses) = noted.entry(id)
                && !uses.get_mut().retain(|record| !record.last_use().is_flushed(written))
            {
                uses.remove();
            }
        }
        // After a burst of 100,000 keys, the empty table would keep megabytes.
        if noted.capacity() / 4 > noted.len() {
            noted.shrink_to_fit();
        }
    }
}

impl<R: Used> fmt::Debug for LastUsed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastUsed").field("table", &self.table).finish_non_exhaustive()
    }
}

fn latest_of<R: Used>(uses: &Uses<R>) -> Option<Timestamp> {
    uses.records()
        .iter()
        .map(|record| record.last_use().0.load(Ordering::Acquire))
        .max()
        .and_then(Timestamp::from_millis)
}

impl LastUse {
    /// Clears the use if `written` covers it, so that the next use is noted again. Returns whether it did.
    fn is_flushed(&self, written: Timestamp) -> bool {
        let last = self.0.load(Ordering::Acquire);
        last <= written.millis() && self.0.compare_exchange(last, NOTHING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Writes one statement per batch. Never moves a time back, since another node may have written a later use.
fn write<Id: Display>(conn: &mut Conn, table: &str, uses: &[(Id, Timestamp)]) -> Result<(), ApiError> {
    for batch in uses.chunks(BATCH) {
        let values = rows_of_parameters(conn, batch.len(), 2);
        let text = format!(
            "UPDATE {table} SET last_used_at = v.column2 FROM (VALUES {values}) AS v \
             WHERE id = v.column1 AND (last_used_at IS NULL OR last_used_at < v.column2)"
        );
        each!(conn, |native| {
            let mut query = diesel::sql_query(text).into_boxed();
            for (key, used) in batch {
                query = query.bind::<Text, _>(key.to_string()).bind::<Timestamptz, _>(used);
            }
            query.execute(native)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api_keys::CachedKey;

    #[test]
    fn what_is_noted_of_a_key_stays_small() {
        assert_eq!(size_of::<Uses<CachedKey>>(), 16);
    }
}
