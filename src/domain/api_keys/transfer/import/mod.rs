//! Keys from elsewhere: `keyward keys import`.
//!
//! # The way of a row
//! [`mod@file`] reads lines, whichever format they are in, into [`fields::RawRow`]s; [`row`] checks what a row says by itself, and
//! hashes a plaintext at once; [`lookup`] asks the database who and where is meant, and whether the key is there already;
//! what is new waits in a file without a name ([`CheckedImport`]), without any plaintext, until all of the input is known to be
//! good; [`mod@write`] then adds it, batch by batch.
//!
//! # All or nothing
//! One bad line, and nothing of the input is imported. What is good goes in by transactions of [`BATCH`] keys, each with its
//! audit events, so that a million rows hold up neither SQLite's only writer nor an organization's trail. Should one of them
//! fail, the same command goes on where it stopped: what is there already is passed over.
//!
//! # Memory
//! Besides a batch, some 30 bytes for each key and each id, which find what stands in the input twice; and what is new waits
//! on disk.
//!
//! # What nobody is told
//! A message never repeats what stands in a field: a plaintext may stand in the wrong column.

pub mod fields;
pub mod file;
mod lookup;
mod row;
mod write;

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::Scope;
use crate::base::time::Timestamp;
use crate::domain::api_keys::{AllowedIps, KeyFormat};
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

/// How many keys one transaction adds.
pub const BATCH: usize = 500;

/// What the operator says besides the rows.
#[derive(Debug)]
pub struct ImportSettings<'c> {
    /// The configuration.
    pub config: &'c Config,
    /// How keys look that this server knows.
    pub format: KeyFormat,
    /// The workspace of rows that name none.
    pub workspace: Option<String>,
    /// The creator of rows that name none.
    pub creator: Option<String>,
    /// Names of workspaces and people in the file, and what they are here.
    pub renamed: HashMap<String, String>,
    /// The time.
    pub now: Timestamp,
}

/// A key to add: all that is kept of it.
#[derive(Debug, Serialize, Deserialize)]
struct ImportedKey {
    hash: [u8; 32],
    id: KeyId,
    organization_id: OrganizationId,
    workspace_id: WorkspaceId,
    creator_id: UserId,
    name: Option<String>,
    preview: String,
    scope: Scope,
    allowed_ips: AllowedIps,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    orphaned_at: Option<Timestamp>,
}

/// What is known of the input once all of it was looked at.
#[derive(Debug, Default)]
pub struct Summary {
    /// Keys that are not there yet.
    pub new: u64,
    /// Keys that are there, with the same data.
    pub there: u64,
    /// Keys that were imported once, and rolled or deleted since.
    pub gone: u64,
    /// Lines with something wrong.
    pub wrong: u64,
    /// Keys whose preview starts like none that this server would know.
    pub unknown_start: u64,
}

/// Input that was looked at, and what is new in it.
#[derive(Debug)]
pub struct CheckedImport {
    spool: File,
    /// What is known of it.
    pub summary: Summary,
}

/// What went wrong with the import itself.
#[derive(Debug)]
pub enum ImportError {
    /// The input or the waiting keys can't be read or written.
    Io(io::Error),
    /// The database refuses.
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
                // The operator may know what the database says of itself.
                std::error::Error::source(error).map_or(Ok(()), |cause| write!(f, " ({cause})"))
            }
        }
    }
}

/// Looks at all lines, and changes nothing. `report` is told what is wrong, line by line.
///
/// # Errors
/// Those of input and database. What is wrong with lines is none of them.
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
    /// Adds what is new. `progress` is told how many keys are in, after each transaction.
    ///
    /// # Errors
    /// Those of database and disk; what `progress` was told of is in.
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
        // Once, at the end: whoever takes it for news waits a lease. And each time, should an earlier import have ended early.
        store.change_access_blocking(|_, access_change| {
            access_change.unknown_keys();
            Ok(())
        })?;
        Ok(count)
    }
}

/// Keys and ids of the lines so far, by half of their hash.
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

    /// The line that had it first, if another one did.
    fn first(&mut self, hash: &[u8; 32], number: u64) -> Option<u64> {
        let (half, _) = hash.split_at(16);
        let half: [u8; 16] = half.try_into().unwrap_or_default();
        let first = *self.0.entry(half).or_insert(number);
        (first != number).then_some(first)
    }
}
