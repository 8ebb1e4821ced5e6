//! Rows of `audit_events` and `audit_heads`. Only [`super::Trail`] adds events, and only [`super::retention`] deletes
//! them.

use super::action::{Action, ActorKind};
use super::chain::GENESIS;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::paging::Position;
use crate::base::policy::can;
use crate::base::sql::schema::{audit_events as events, audit_heads as heads};
use crate::base::sql::{Conn, ForUpdate, each};
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use diesel::prelude::*;

/// A recorded change of access. Kinds, actions and ids are texts, so that rows of a newer version and manipulated rows
/// can still be listed and verified.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = events)]
pub struct AuditEvent {
    pub organization_id: OrganizationId,
    /// The position in the organization's trail, from 1 without gaps.
    pub sequence: i64,
    pub id: String,
    /// `None` for a change of the organization.
    pub workspace_id: Option<String>,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    /// At that time.
    pub actor_name: Option<String>,
    /// A person's e-mail address at that time.
    pub actor_email: Option<String>,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    /// At that time.
    pub target_name: Option<String>,
    /// The text of a JSON object; `None` for a new target.
    pub state_before: Option<String>,
    /// The text of a JSON object; `None` for a deleted target.
    pub state_after: Option<String>,
    pub address: Option<String>,
    /// The client's own claim.
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub occurred_at: Timestamp,
    /// SHA-256; see [`super::chain`].
    pub hash: Vec<u8>,
    /// The member for whom a service acted.
    pub on_behalf_of: Option<String>,
}

/// The two ends of a chain.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = heads)]
pub(super) struct Head {
    pub(super) organization_id: OrganizationId,
    pub(super) sequence: i64,
    pub(super) hash: Vec<u8>,
    pub(super) pruned_sequence: i64,
    pub(super) pruned_hash: Vec<u8>,
}

impl Head {
    fn before_all(organization_id: OrganizationId) -> Self {
        let start = GENESIS.to_vec();
        Self { organization_id, sequence: 0, hash: start.clone(), pruned_sequence: 0, pruned_hash: start }
    }

    /// Locks the organization's chain until the transaction ends. It is the last lock of a transaction.
    pub(super) fn lock(conn: &mut Conn, organization: OrganizationId) -> Result<Self, ApiError> {
        let row = heads::table.find(organization).select(Self::as_select());
        if let Some(head) = ForUpdate(row).get_result(conn).optional()? {
            return Ok(head);
        }
        // Of two simultaneous first events, the second waits here for the first one's commit.
        let first = Self::before_all(organization);
        each!(conn, |native| diesel::insert_into(heads::table)
            .values(&first)
            .on_conflict_do_nothing()
            .execute(native))?;
        let row = heads::table.find(organization).select(Self::as_select());
        Ok(ForUpdate(row).get_result(conn)?)
    }

    /// Reads both ends of the chain, without a lock.
    pub(super) fn of(conn: &mut Conn, organization: OrganizationId) -> Result<Option<Self>, ApiError> {
        Ok(heads::table.find(organization).select(Self::as_select()).first(conn).optional()?)
    }

    pub(super) fn save(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::update(heads::table.find(self.organization_id))
            .set((
                heads::sequence.eq(self.sequence),
                heads::hash.eq(&self.hash),
                heads::pruned_sequence.eq(self.pruned_sequence),
                heads::pruned_hash.eq(&self.pruned_hash),
            ))
            .execute(conn)?;
        Ok(())
    }
}

/// A filter of events. A field that is `None` accepts all events.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub actor_kind: Option<ActorKind>,
    pub actor_id: Option<String>,
    pub action: Option<Action>,
    pub target_id: Option<String>,
    /// Inclusive.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub to: Option<Timestamp>,
}

type Boxed<'a> = events::BoxedQuery<'a, crate::base::sql::MultiBackend>;

impl Filter {
    fn apply<'a>(&self, mut query: Boxed<'a>) -> Boxed<'a> {
        if let Some(kind) = self.actor_kind {
            query = query.filter(events::actor_kind.eq(kind));
        }
        if let Some(actor) = self.actor_id.clone() {
            query = query.filter(events::actor_id.eq(actor));
        }
        if let Some(action) = self.action {
            query = query.filter(events::action.eq(action));
        }
        if let Some(target) = self.target_id.clone() {
            query = query.filter(events::target_id.eq(target));
        }
        if let Some(from) = self.from {
            query = query.filter(events::occurred_at.ge(from));
        }
        if let Some(to) = self.to {
            query = query.filter(events::occurred_at.lt(to));
        }
        query
    }
}

impl AuditEvent {
    pub(super) fn insert(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::insert_into(events::table).values(self).execute(conn)?;
        Ok(())
    }

    /// Returns a page of an organization's events, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn page_of(
        conn: &mut Conn,
        access: &OrganizationAccess<can::AuditRead>,
        filter: &Filter,
        page: Position<i64>,
    ) -> Result<Vec<Self>, ApiError> {
        let own = events::table.filter(events::organization_id.eq(access.organization_id())).into_boxed();
        let mut query = filter.apply(own);
        if let Some(after) = page.after {
            query = query.filter(events::sequence.lt(after));
        }
        Ok(query.order(events::sequence.desc()).limit(page.limit()).select(Self::as_select()).load(conn)?)
    }

    /// Returns at most `most` events after the sequence `after`, oldest first, for exports and verification. The caller
    /// has checked the permission to read them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn batch_of(
        conn: &mut Conn,
        organization: OrganizationId,
        filter: &Filter,
        after: i64,
        most: i64,
    ) -> Result<Vec<Self>, ApiError> {
        let own = events::organization_id.eq(organization).and(events::sequence.gt(after));
        let query = filter.apply(events::table.filter(own).into_boxed());
        Ok(query.order(events::sequence).limit(most).select(Self::as_select()).load(conn)?)
    }
}
