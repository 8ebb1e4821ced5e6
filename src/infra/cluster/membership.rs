//! [`Membership`]: the thread that listens for changes, and keeps this node's lease.

use super::feed::{Feed, Unavailable};
use super::nodes;
use super::nodes::Observations;
use super::{Cluster, NodeState};
use crate::base::ids::NodeId;
use crate::base::sql::DatabaseUrl;
use diesel::QueryResult;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a node on PostgreSQL looks for notifications. Other nodes wait half of this, on average. libpq has no call
/// that waits for them, so this is a `recv` a hundred times a second.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The same, while a call on this node waits for acknowledgements.
const LOOK_CLOSELY: Duration = Duration::from_millis(1);
/// The pause after a failure of the database.
const PAUSE: Duration = Duration::from_millis(500);

/// A node's membership. Dropping it ends the use of the cache, then deletes the node's row.
#[derive(Debug)]
pub struct Membership {
    cluster: Arc<Cluster>,
    thread: Option<JoinHandle<()>>,
}

impl Membership {
    /// Joins, and keeps the lease from now on. Returns after the first attempt to join, or after two seconds. Until the
    /// first round trip is done, every request reads the database.
    ///
    /// # Errors
    /// A message for the operator if the thread can't be started.
    pub fn start(cluster: &Arc<Cluster>, url: &DatabaseUrl) -> Result<Self, String> {
        cluster.set_state(NodeState::Joining);
        let (tried, first_try) = mpsc::channel();
        let listener = Listener {
            cluster: cluster.clone(),
            url: url.clone(),
            observations: Observations::default(),
            has_company: false,
            was_listening: false,
            tried,
        };
        let thread = thread::Builder::new().name("cluster".into()).spawn(move || listener.run());
        let thread = thread.map_err(|error| format!("can't start the cluster's thread: {error}"))?;
        // So that the first requests do not wait for SQLite's one writer. The wait is bounded, since the database may
        // hang.
        _ = first_try.recv_timeout(PAUSE * 4);
        Ok(Self { cluster: cluster.clone(), thread: Some(thread) })
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.cluster.set_state(NodeState::Leaving);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the cluster's thread panicked");
        }
    }
}

struct Listener {
    cluster: Arc<Cluster>,
    url: DatabaseUrl,
    observations: Observations,
    /// Whether the last round trip showed other nodes.
    has_company: bool,
    /// Whether there was a session before.
    was_listening: bool,
    /// Signals the end of the first attempt to open a session.
    tried: mpsc::Sender<()>,
}

impl Listener {
    fn run(mut self) {
        let mut away = false;
        while !self.is_leaving() {
            let ended = self.session();
            // The receiver is gone after the first attempt.
            _ = self.tried.send(());
            match ended {
                Ok(()) => return,
                Err(Unavailable::Pooled) => {
                    tracing::warn!(
                        "database.url leads through a connection pooler, where LISTEN can't work, so nothing is cached \
                         and each request reads the database. Set database.listen_url to PostgreSQL's own address; and \
                         database.prepared_statements to false, unless the pooler follows prepared statements."
                    );
                    return self.cluster.set_state(NodeState::Outside);
                }
                Err(Unavailable::Failed(error)) => {
                    if !away {
                        tracing::warn!(error, "lost touch with the cluster: requests read the database");
                    }
                    away = true;
                    self.unless_leaving(NodeState::Joining);
                    self.pause(PAUSE);
                }
            }
        }
        self.cluster.lease.end();
    }

    /// Listens until this node leaves, or the connection fails.
    fn session(&mut self) -> Result<(), Unavailable> {
        let mut feed = Feed::open(&self.url, self.cluster.node)?;
        self.enter(&mut feed)?;
        let settled = match (&self.url, self.was_listening) {
            // After a failover the database may lack the rows of its last moments.
            (DatabaseUrl::Postgres(_), true) => self.cluster.clock.monotonic(),
            _ => Duration::ZERO,
        };
        self.was_listening = true;
        _ = self.tried.send(());
        self.unless_leaving(NodeState::Listening(settled));
        let quarter = self.cluster.settings.lease / 4;
        let mut next = Duration::ZERO;
        while !self.is_leaving() {
            let now = self.cluster.clock.monotonic();
            if now >= next {
                next = now + quarter;
                self.round(&mut feed)?;
            }
            let until_next = next.saturating_sub(self.cluster.clock.monotonic());
            if let DatabaseUrl::Sqlite(_) = self.url {
                self.pause(until_next);
                continue;
            }
            feed.hear(&self.cluster)?;
            let look = if self.cluster.acknowledgements.is_waiting() { LOOK_CLOSELY } else { POLL_INTERVAL };
            self.pause(look.min(until_next));
        }
        self.cluster.lease.end();
        nodes::leave(&mut feed.conn, self.cluster.node)?;
        Ok(())
    }

    /// Writes this node's row, and invalidates all that it has cached: changes were missed while it did not listen.
    fn enter(&mut self, feed: &mut Feed) -> QueryResult<()> {
        nodes::join(&mut feed.conn, self.cluster.node)?;
        self.cluster.generations.advance_all();
        // The next round writes a beat, as if there were other nodes.
        self.has_company = true;
        Ok(())
    }

    /// Makes one round trip, and extends the lease from the time when it was sent.
    fn round(&mut self, feed: &mut Feed) -> QueryResult<()> {
        let (node, lease) = (self.cluster.node, self.cluster.settings.lease);
        let sent = self.cluster.clock.monotonic();
        // Before the lease is extended, so that no node deletes the row of a node with a valid lease.
        let has_beaten = self.has_company && nodes::beat(&mut feed.conn, node)?;
        let rows = nodes::all(&mut feed.conn)?;
        if rows.iter().all(|(id, _)| *id != node) {
            return self.enter(feed);
        }
        // After the query: all changes that were committed before `sent` have arrived by now.
        feed.hear(&self.cluster)?;
        let others: Vec<(NodeId, i64)> = rows.into_iter().filter(|(id, _)| *id != node).collect();
        self.cluster.known_nodes.store(others.len() + 1, Ordering::Relaxed);
        self.has_company = !others.is_empty();
        if has_beaten || others.is_empty() {
            self.cluster.lease.extend(sent, lease * 9 / 10);
        }
        for dead in self.observations.dead(&others, self.cluster.clock.monotonic(), lease * 2) {
            if nodes::remove_dead(&mut feed.conn, dead)? {
                tracing::warn!(node = %dead.0, "a node is gone without a word");
            }
        }
        Ok(())
    }

    fn is_leaving(&self) -> bool {
        *self.cluster.state() == NodeState::Leaving
    }

    fn unless_leaving(&self, state: NodeState) {
        let mut now = self.cluster.state();
        if *now != NodeState::Leaving {
            *now = state;
        }
    }

    /// Waits, until this node is to leave or a call begins to wait for other nodes.
    fn pause(&self, time: Duration) {
        let mut state = self.cluster.state();
        if *state != NodeState::Leaving {
            self.cluster.alarm.wait_for(&mut state, time);
        }
    }
}
