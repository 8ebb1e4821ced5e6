//! [`Touched`]: whose access a transaction changes, and how other processes learn of it.

use super::generations::{Generations, Slot};
use super::nodes;
use crate::audit::{Actor, Entry, Trail};
use crate::db::schema::access_changes;
use crate::db::{Conn, Timestamp};
use crate::error::ApiError;
use crate::ids::{ChangeId, NodeId};
use diesel::dsl::max;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// Where changes are told on PostgreSQL.
pub(super) const CHANGES: &str = "keyward_changes";
/// The group of all texts that were looked up as keys in vain.
pub const UNKNOWN_KEYS: &str = "unknown_keys";
/// The group of all service tokens.
pub const SERVICE_TOKENS: &str = "service_tokens";
/// Stands for every group, where their names would not fit.
const EVERYTHING: &str = "everything";
/// PostgreSQL takes 8,000 bytes.
const LONGEST_PAYLOAD: usize = 7_500;
/// How many changes SQLite's log keeps. Who has missed more forgets everything.
pub(super) const LOG_LENGTH: i64 = 10_000;

/// Collects whose access a transaction changes, and what the audit trail tells of it. A function that changes access
/// takes it, so it can only run in [`super::Cluster::change`], which tells the other nodes and waits for them.
///
/// There is no way to tell the nodes without an [`Entry`]: who forgets the trail forgets its own parameter.
#[derive(Debug)]
pub struct Touched {
    groups: BTreeSet<String>,
    trail: Trail,
}

impl Touched {
    pub(super) fn here() -> Self {
        Self { groups: BTreeSet::new(), trail: Trail::here() }
    }

    /// What somebody may do in the entry's organization changes, or was changed by a call that may not have answered
    /// yet: an entry that says nothing new is not written, but this call waits as that one does.
    pub fn record(&mut self, entry: Entry) {
        self.groups.insert(entry.organization().to_string());
        self.trail.add(entry);
    }

    /// Something is done that takes no access from anybody whom a node may have in its cache, such as a new key:
    /// nothing to tell the nodes, and nothing to wait for.
    pub fn note(&mut self, entry: Entry) {
        self.trail.add(entry);
    }

    /// Who acts, where it is not the request's caller: billing, or somebody who signs in with this very request.
    pub fn act_as(&mut self, actor: Actor) {
        self.trail.act_as(actor);
    }

    /// Keys came from elsewhere: what a node remembers as nobody's may be somebody's now.
    pub fn unknown_keys(&mut self) {
        self.groups.insert(UNKNOWN_KEYS.to_owned());
    }

    /// Writes the audit events.
    pub(super) fn write_trail(&self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        self.trail.write(conn, now)
    }

    /// A service token changes.
    pub fn service_tokens(&mut self) {
        self.groups.insert(SERVICE_TOKENS.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What was read before is too old, on this node.
    pub(super) fn advance(&self, generations: &Generations) {
        self.groups.iter().for_each(|group| generations.advance(Slot::of(group)));
    }

    /// Tells the other processes, if the transaction commits.
    pub(super) fn announce(&self, conn: &mut Conn, change: ChangeId, from: Option<NodeId>) -> Result<(), ApiError> {
        let mut groups = self.groups.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        if groups.len() > LONGEST_PAYLOAD {
            EVERYTHING.clone_into(&mut groups);
        }
        match conn {
            Conn::Postgres(postgres) => {
                let from = from.map_or_else(|| "-".to_owned(), |node| node.to_string());
                nodes::notify(postgres, CHANGES, &format!("{change} {from} {groups}"))?;
            }
            Conn::Sqlite(_) => log(conn, &groups)?,
        }
        Ok(())
    }
}

/// Writers on SQLite come one after another, so the number is the order of the commits.
fn log(conn: &mut Conn, groups: &str) -> Result<(), ApiError> {
    let last: Option<i64> = access_changes::table.select(max(access_changes::id)).first(conn)?;
    let id = last.unwrap_or(0) + 1;
    diesel::insert_into(access_changes::table)
        .values((access_changes::id.eq(id), access_changes::touched.eq(groups)))
        .execute(conn)?;
    diesel::delete(access_changes::table.filter(access_changes::id.le(id - LOG_LENGTH))).execute(conn)?;
    Ok(())
}

/// Makes what another process told count here.
pub(super) fn apply(groups: &str, generations: &Generations) {
    for group in groups.split(' ').filter(|group| !group.is_empty()) {
        match group {
            EVERYTHING => generations.advance_all(),
            group => generations.advance(Slot::of(group)),
        }
    }
}
