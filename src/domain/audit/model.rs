//! Rows of `audit_events` and `audit_heads`. Only [`super::Trail`] adds events, and only [`super::retention`] takes
//! away.

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

/// What was changed, by whom, when and from where. Kinds, actions and ids are texts here: a row that a newer version
/// wrote, or that somebody spoiled, must still be listed and verified.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = events)]
pub struct AuditEvent {
    /// In whose trail it is.
    pub organization_id: OrganizationId,
    /// Its place there, from 1.
    pub sequence: i64,
    /// Its id.
    pub id: String,
    /// In which workspace, if in one.
    pub workspace_id: Option<String>,
    /// What kind of actor.
    pub actor_kind: String,
    /// Which one.
    pub actor_id: Option<String>,
    /// Its name at that time.
    pub actor_name: Option<String>,
    /// A person's address at that time.
    pub actor_email: Option<String>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub target_kind: String,
    /// To which one.
    pub target_id: String,
    /// What that was called at that time.
    pub target_name: Option<String>,
    /// What was changed, as it was: the text of a JSON object.
    pub state_before: Option<String>,
    /// The same as it was then.
    pub state_after: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
    /// What ties it to the event before it; see [`super::chain`].
    pub hash: Vec<u8>,
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

    /// Holds the organization's chain until the transaction ends. The last lock that a transaction takes.
    pub(super) fn lock(conn: &mut Conn, organization: OrganizationId) -> Result<Self, ApiError> {
        let row = heads::table.find(organization).select(Self::as_select());
        if let Some(head) = ForUpdate(row).get_result(conn).optional()? {
            return Ok(head);
        }
        // Of two first events at once, the second waits here for the first one's commit.
        let first = Self::before_all(organization);
        each!(conn, |native| diesel::insert_into(heads::table)
            .values(&first)
            .on_conflict_do_nothing()
            .execute(native))?;
        let row = heads::table.find(organization).select(Self::as_select());
        Ok(ForUpdate(row).get_result(conn)?)
    }

    /// The chain's ends now.
    pub(super) fn of(conn: &mut Conn, organization: OrganizationId) -> Result<Option<Self>, ApiError> {
        Ok(heads::table.find(organization).select(Self::as_select()).first(conn).optional()?)
    }

    /// Writes both ends.
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

/// Which events; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of actors of this kind.
    pub actor_kind: Option<ActorKind>,
    /// Of this actor.
    pub actor_id: Option<String>,
    /// Of this action.
    pub action: Option<Action>,
    /// About this thing.
    pub target_id: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
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
    /// Adds the event.
    pub(super) fn insert(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::insert_into(events::table).values(self).execute(conn)?;
        Ok(())
    }

    /// A page of an organization's events, newest first.
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

    /// Some events of an organization behind a place in its trail, oldest first: for exports, which page through the
    /// whole. Whoever calls it has checked who may read them.
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
