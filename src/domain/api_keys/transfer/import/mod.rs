//! Imports keys from another product or server: `keyward keys import`.
//!
//! # The way of a row
//! [`mod@file`] reads the lines of either format into [`fields::RawRow`]s. `row` checks each row by itself, and hashes
//! a plaintext at once. `lookup` finds the workspace and the creator in the database, and whether the key exists. New
//! keys wait in an unnamed temporary file ([`CheckedImport`]), without any plaintext, until the whole input is checked.
//! Then `write` inserts them, batch by batch.
//!
//! # All or nothing
//! With one bad line, nothing of the input is imported. Good keys are inserted in transactions of [`BATCH`] keys, each
//! with its audit events, so that a million rows block neither SQLite's only writer nor an organization's trail. If a
//! transaction fails, the same command continues where it stopped, since it skips existing keys.
//!
//! # Memory
//! Besides a batch, about 30 bytes for each key and each id, to find duplicates in the input. New keys wait on disk.
//!
//! # Secrets
//! A message never repeats a field's text: a plaintext may be in the wrong column.

pub mod fields;
pub mod file;
mod lookup;
mod row;
mod sha256;
mod write;

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::policy::PermissionCatalog;
use crate::base::time::Timestamp;
use crate::domain::api_keys::{ApiKey, KeyFormat};
use crate::domain::changes::ScopedStore;
use crate::infra::db::ScopedDb;
use fields::LineFault;
use file::Line;
use lookup::{ImportMatch, Lookup};
use row::ParsedRow;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::sync::Arc;

/// The number of keys in a transaction.
pub const BATCH: usize = 500;

/// The operator's settings for the whole input.
#[derive(Debug)]
pub struct ImportSettings<'c> {
    pub config: &'c Config,
    pub catalog: &'c Arc<PermissionCatalog>,
    /// The key format of this server.
    pub format: KeyFormat,
    /// The workspace of rows without one.
    pub workspace: Option<String>,
    /// The creator of rows without one.
    pub creator: Option<String>,
    /// Maps names of workspaces and people in the file to those on this server.
    pub renamed: HashMap<String, String>,
    pub now: Timestamp,
}

/// A key to insert, without plaintext.
#[derive(Debug, Serialize, Deserialize)]
struct ImportedKey {
    hash: [u8; 32],
    key: ApiKey,
}

/// The result of checking the whole input: numbers of keys.
#[derive(Debug, Default)]
pub struct Summary {
    /// Keys to insert.
    pub new: u64,
    /// Keys that exist with the same data.
    pub there: u64,
    /// Keys that were imported before, and rolled or deleted since.
    pub gone: u64,
    /// Lines with a fault.
    pub wrong: u64,
    /// Keys whose start this server does not recognize.
    pub unknown_start: u64,
}

/// The checked input and its new keys.
#[derive(Debug)]
pub struct CheckedImport {
    spool: File,
    pub summary: Summary,
}

/// A failure of the import itself.
#[derive(Debug)]
pub enum ImportError {
    /// Reading the input or accessing the temporary file failed.
    Io(io::Error),
    Database(ApiError),
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ApiError> for ImportError {
    fn from(error: ApiError) -> Self {
        Self::Database(error)
    }
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Database(error) => {
                error.fmt(f)?;
                // The command's user is the operator, who may see the database's message.
                error.cause().map_or(Ok(()), |cause| write!(f, " ({cause})"))
            }
        }
    }
}

/// Checks all lines without changing anything. Calls `report` for each fault, with the line's number.
///
/// # Errors
/// I/O and database errors. Faults in lines are reported, not returned.
pub fn check(
    db: &ScopedDb,
    settings: &ImportSettings<'_>,
    lines: impl Iterator<Item = io::Result<Line>>,
    mut report: impl FnMut(u64, &LineFault),
) -> Result<CheckedImport, ImportError> {
    let mut summary = Summary::default();
    let mut spool = BufWriter::new(tempfile::tempfile()?);
    let mut seen = Seen::default();
    let mut lookup = Lookup::new(settings);
    let mut batch: Vec<(u64, ParsedRow)> = Vec::with_capacity(BATCH);
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        let Line { number, row } = line?;
        let parsed = row.map_err(|fault| vec![fault]).and_then(|row| ParsedRow::new(row, settings));
        match parsed.and_then(|row| seen.add(number, &row).map(|()| row).map_err(|fault| vec![fault])) {
            Ok(row) => {
                summary.unknown_start += u64::from(!row.starts_as_known);
                batch.push((number, row));
            }
            Err(faults) => {
                summary.wrong += 1;
                faults.iter().for_each(|fault| report(number, fault));
            }
        }
        if batch.len() < BATCH && lines.peek().is_some() {
            continue;
        }
        let rows = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        for (number, found) in db.read_blocking(|conn| lookup.find(conn, rows))? {
            match found {
                Ok(ImportMatch::New(key)) => {
                    summary.new += 1;
                    serde_json::to_writer(&mut spool, &*key).map_err(io::Error::from)?;
                    spool.write_all(b"\n")?;
                }
                Ok(ImportMatch::There) => summary.there += 1,
                Ok(ImportMatch::Gone) => summary.gone += 1,
                Err(fault) => {
                    summary.wrong += 1;
                    report(number, &fault);
                }
            }
        }
    }
    let spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(CheckedImport { spool, summary })
}

impl CheckedImport {
    /// Inserts the new keys. Calls `progress` with the number of keys inserted so far, after each transaction.
    ///
    /// # Errors
    /// Database and I/O errors. Keys that `progress` reported are inserted.
    pub fn import(
        mut self,
        store: &ScopedStore,
        now: Timestamp,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, ImportError> {
        self.spool.rewind()?;
        let mut lines = BufReader::new(&self.spool).lines().peekable();
        let (mut batch, mut count): (Vec<ImportedKey>, u64) = (Vec::with_capacity(BATCH), 0);
        while let Some(line) = lines.next() {
            batch.push(serde_json::from_str(&line?).map_err(io::Error::from)?);
            if batch.len() == BATCH || lines.peek().is_none() {
                let keys = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                count +=
                    store.change_access_blocking(|conn, access_change| write::add(conn, access_change, &keys, now))?;
                progress(count);
            }
        }
        // Only once, at the end, because each announcement may wait for a lease. Also without new keys, since an
        // earlier import may have stopped before this point.
        store.change_access_blocking(|_, access_change| {
            access_change.unknown_keys();
            Ok(())
        })?;
        Ok(count)
    }
}

/// Line numbers by the first half of the hash of each key and id.
#[derive(Default)]
struct Seen(HashMap<[u8; 16], u64>);

impl Seen {
    fn add(&mut self, number: u64, row: &ParsedRow) -> Result<(), LineFault> {
        if let Some(line) = self.first(&row.hash, number) {
            return Err(LineFault::of_row(format!("the same key is on line {line} already; keep one of them")));
        }
        if let Some(id) = row.id
            && let Some(line) = self.first(&crate::domain::api_keys::PresentedKey::new(&id.text()).hash(), number)
        {
            return Err(LineFault::new(
                "id",
                format!("is on line {line} already; leave it out, and the key gets a new one"),
            ));
        }
        Ok(())
    }

    /// Returns the earlier line with the same hash, if there is one.
    fn first(&mut self, hash: &[u8; 32], number: u64) -> Option<u64> {
        let (half, _) = hash.split_at(16);
        let half: [u8; 16] = half.try_into().unwrap_or_default();
        let first = *self.0.entry(half).or_insert(number);
        (first != number).then_some(first)
    }
}
