//! [`Groups`]: which cache entries a transaction invalidates, and how other processes learn of it.

use super::generations::{Generations, Slot};
use super::nodes;
use crate::base::error::ApiError;
use crate::base::ids::{ChangeId, NodeId, OrganizationId};
use crate::base::sql::Conn;
use crate::base::sql::schema::access_changes;
use diesel::dsl::max;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// The channel on PostgreSQL on which changes are announced.
pub(super) const CHANGES: &str = "keyward_changes";
/// The group of all texts that were looked up as keys, and are none.
pub const UNKNOWN_KEYS: &str = "unknown_keys";
/// The group of all service tokens.
pub const SERVICE_TOKENS: &str = "service_tokens";
/// Stands for every group, if their names do not fit in a notification.
const EVERYTHING: &str = "everything";
/// In bytes. PostgreSQL's limit is 8,000.
const MAX_PAYLOAD_LENGTH: usize = 7_500;
/// How many changes SQLite's log keeps. A node that has missed more invalidates all that it has cached.
pub(super) const LOG_LENGTH: i64 = 10_000;

/// The groups of cache entries that a transaction invalidates: an organization's, or one of those named here.
#[derive(Debug, Default)]
pub struct Groups(BTreeSet<String>);

impl Groups {
    /// Adds all entries of the organization's keys.
    pub fn insert_organization(&mut self, organization: OrganizationId) {
        self.0.insert(organization.to_string());
    }

    /// Adds the group [`UNKNOWN_KEYS`].
    pub fn insert_unknown_keys(&mut self) {
        self.0.insert(UNKNOWN_KEYS.to_owned());
    }

    /// Adds the group [`SERVICE_TOKENS`].
    pub fn insert_service_tokens(&mut self) {
        self.0.insert(SERVICE_TOKENS.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Invalidates the groups' entries on this node.
    pub(super) fn advance(&self, generations: &Generations) {
        self.0.iter().for_each(|group| generations.advance(Slot::of(group)));
    }

    /// Announces the groups to the other processes, if the transaction commits.
    pub(super) fn announce(&self, conn: &mut Conn, change: ChangeId, from: Option<NodeId>) -> Result<(), ApiError> {
        let mut groups = self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        if groups.len() > MAX_PAYLOAD_LENGTH {
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

/// Appends to SQLite's log. SQLite has one writer at a time, so the numbers are in the order of the commits.
fn log(conn: &mut Conn, groups: &str) -> Result<(), ApiError> {
    let last: Option<i64> = access_changes::table.select(max(access_changes::id)).first(conn)?;
    let id = last.unwrap_or(0) + 1;
    diesel::insert_into(access_changes::table)
        .values((access_changes::id.eq(id), access_changes::touched.eq(groups)))
        .execute(conn)?;
    diesel::delete(access_changes::table.filter(access_changes::id.le(id - LOG_LENGTH))).execute(conn)?;
    Ok(())
}

/// Applies the groups that another process announced.
pub(super) fn apply(groups: &str, generations: &Generations) {
    for group in groups.split(' ').filter(|group| !group.is_empty()) {
        match group {
            EVERYTHING => generations.advance_all(),
            group => generations.advance(Slot::of(group)),
        }
    }
}
