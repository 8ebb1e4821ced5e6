//! `lastUsedAt` without a write on the request path: uses are noted in memory and written together every few seconds.

use crate::db::sql_types::Timestamptz;
use crate::db::{Conn, Db, Timestamp, each};
use crate::error::ApiError;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rows of one statement: two parameters each, well below both databases' limits.
const BATCH: usize = 500;

/// Uses that are not written yet.
#[derive(Debug)]
pub struct LastUsed<Id> {
    /// Whose `last_used_at` is written.
    table: &'static str,
    noted: Mutex<HashMap<Id, Timestamp>>,
}

/// How often uses are written, and so the most that a crash can lose.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

impl<Id: Copy + Eq + Hash + Display> LastUsed<Id> {
    /// Uses of the rows of a table.
    pub fn of_table(table: &'static str) -> Self {
        Self { table, noted: Mutex::default() }
    }

    /// Notes a use. One short lock; no statement.
    pub fn note(&self, key: Id, now: Timestamp) {
        let mut noted = self.lock();
        let last = noted.entry(key).or_insert(now);
        *last = now.max(*last);
    }

    /// The last use that is known: the row's or the memory's, whichever is later.
    pub fn latest(&self, key: Id, written: Option<Timestamp>) -> Option<Timestamp> {
        written.max(self.lock().get(&key).copied())
    }

    /// Writes what was noted. What can't be written is kept for the next time.
    pub fn flush(&self, db: &Db) {
        let batch: Vec<(Id, Timestamp)> = self.lock().iter().map(|(key, used)| (*key, *used)).collect();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = db.write_blocking(|conn| write(conn, self.table, &batch)) {
            tracing::warn!(%error, keys = batch.len(), "last uses are not written yet");
            return;
        }
        // Forgotten only now, so that a listing never sees a gap; unless used again meanwhile.
        let mut noted = self.lock();
        for (key, used) in batch {
            if noted.get(&key) == Some(&used) {
                noted.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Timestamp>> {
        // No code that holds the lock can panic halfway through a change.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One statement for each batch; never backwards, since another node may have written a later use.
fn write<Id: Display>(conn: &mut Conn, table: &str, uses: &[(Id, Timestamp)]) -> Result<(), ApiError> {
    for batch in uses.chunks(BATCH) {
        let mut rows = String::new();
        for place in 0..batch.len() {
            let comma = if place == 0 { "" } else { ", " };
            // Writing to a String can't fail.
            let _ = write!(rows, "{comma}(${}, ${})", 2 * place + 1, 2 * place + 2);
        }
        let text = format!(
            "UPDATE {table} SET last_used_at = v.column2 FROM (VALUES {rows}) AS v \
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
