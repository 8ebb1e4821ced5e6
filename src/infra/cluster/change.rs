//! [`Cluster::change`]: runs a transaction that changes access, and waits until no node honours the old access.

use super::acknowledgements::Waiter;
use super::announcements::Groups;
use super::{Cluster, NodeState, nodes};
use crate::base::error::ApiError;
use crate::base::ids::{ChangeId, NodeId};
use crate::base::sql::Conn;
use crate::infra::db::{DatabaseSession, ScopedDb};
use crate::infra::telemetry::traces;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// A committed change that other nodes may not know of yet.
struct Pending {
    waiter: Waiter,
    committed: Duration,
    /// The nodes that must acknowledge it; `None` if they can't be read.
    others: Option<Vec<NodeId>>,
}

impl Cluster {
    /// Runs `body` in one writing transaction, as [`ScopedDb::write`] does, and announces the groups of cache entries
    /// that it invalidates. If there are any, returns only when no node uses an older entry any more: at once for a
    /// single node, within milliseconds if all nodes answer, after one lease otherwise.
    ///
    /// Cost: two statements besides those of `body`, and only if there are groups: the announcement, and the nodes to
    /// wait for.
    ///
    /// # Errors
    /// Those of [`ScopedDb::write`]. A change whose commit was not confirmed may have happened.
    pub async fn change<T, F>(self: &Arc<Self>, db: ScopedDb, locks: String, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<(T, Groups), ApiError> + Send + 'static,
        T: Send + 'static,
    {
        let cluster = self.clone();
        let (value, pending) = db.session(move |session| cluster.commit(session, &locks, body)).await?;
        if let Some(pending) = pending {
            self.wait_for_nodes(pending).instrument(traces::wait("other nodes")).await;
        }
        Ok(value)
    }

    /// [`Cluster::change`] for the command line, whose thread may block.
    ///
    /// # Errors
    /// As [`Cluster::change`].
    pub fn change_blocking<T>(
        &self,
        db: &ScopedDb,
        body: impl FnOnce(&mut Conn) -> Result<(T, Groups), ApiError>,
    ) -> Result<T, ApiError> {
        let (value, pending) = db.session_blocking(|session| self.commit(session, "", body))?;
        if let Some(Pending { committed, others, .. }) = pending
            && others.is_none_or(|others| !others.is_empty())
        {
            std::thread::sleep(self.rest_of_lease(committed));
        }
        Ok(value)
    }

    fn commit<T>(
        &self,
        session: &mut DatabaseSession<'_>,
        locks: &str,
        body: impl FnOnce(&mut Conn) -> Result<(T, Groups), ApiError>,
    ) -> Result<(T, Option<Pending>), ApiError> {
        let (change, mut invalidated) = (ChangeId::new(), Groups::default());
        let waiter = self.acknowledgements.expect(change);
        let from = (*self.state() != NodeState::Outside).then_some(self.node);
        let outcome = session.write_holding(locks, |conn| {
            let (value, groups) = body(conn)?;
            invalidated = groups;
            if !invalidated.is_empty() {
                invalidated.announce(conn, change, from)?;
            }
            Ok(value)
        });
        // Also after an error, since a commit whose confirmation was lost has happened. And on the thread that
        // committed, since the request may be gone by now.
        invalidated.advance(&self.generations);
        let value = outcome?;
        if invalidated.is_empty() {
            return Ok((value, None));
        }
        let committed = self.clock.monotonic();
        let others = session
            .read(|conn| Ok(nodes::others(conn, from)?))
            .inspect_err(|error| {
                tracing::warn!(cause = error.cause(), "can't read who must hear of a change: waiting a whole lease");
            })
            .ok();
        self.alarm.notify_all();
        Ok((value, Some(Pending { waiter, committed, others })))
    }

    async fn wait_for_nodes(&self, pending: Pending) {
        let Pending { waiter, committed, others } = pending;
        if self.settings.faults.no_wait {
            return;
        }
        let rest = self.rest_of_lease(committed);
        let state = *self.state();
        match (others, state) {
            // Without a session there are no acknowledgements.
            (Some(others), NodeState::Outside) if others.is_empty() => {}
            (Some(others), NodeState::Listening(since)) if since + self.settings.lease <= committed => {
                // A time-out is as good as an acknowledgement: by then every lease from before the change is over.
                _ = tokio::time::timeout(rest, waiter.heard_by(&others)).await;
            }
            _ => tokio::time::sleep(rest).await,
        }
    }

    fn rest_of_lease(&self, committed: Duration) -> Duration {
        (committed + self.settings.lease).saturating_sub(self.clock.monotonic())
    }
}
