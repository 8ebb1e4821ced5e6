//! Several processes on one database. Once a call has confirmed that access is revoked, no node honours it any more.
//!
//! Each node may answer from its [`Cache`]. [`Cluster::change`] runs a transaction that changes access, and answers
//! only once no node honours the old access any more. Three mechanisms ensure that:
//!
//! - **Generations** ([`Generations`]) make values that were read before a change too old, on a node that knows of the
//!   change.
//! - **News**: the transaction itself announces the change ([`Groups`]), by `NOTIFY` on PostgreSQL, on SQLite by a row
//!   in a log. Each node receives the news on a connection of its own ([`membership`]), and on PostgreSQL acknowledges
//!   it.
//! - **Leases** ([`Lease`]) cover a node that receives no news. A node asks the database for news every quarter lease,
//!   and may use its cache only while the last completed round trip was *sent* less than a lease ago; otherwise it
//!   reads the database for each request.
//!
//! # Why no stale answer can be given
//! Let a change commit at C, by the clock of the node that runs it. Its call answers once every node has acknowledged,
//! or at C + lease. Take a request that is sent to another node after that answer, and admitted from its cache at T.
//!
//! - If the node has acknowledged, its generations were advanced before, and the cached value is too old.
//! - Otherwise T ≥ C + lease. The node's lease holds at T, so its last completed round trip was sent after C.
//!   PostgreSQL hands a session all notifications of earlier commits before it completes that session's next query, and
//!   SQLite shows a reader all earlier commits. So the round trip brought the news, which is applied before the lease
//!   is extended.
//!
//! Delay, partition, a stopped process and an unavailable database only make a lease run out. Only durations are
//! compared, each on one machine's monotonic clock; a node stops a tenth of a lease early, so clocks may differ by 10%
//! in speed. A value that was read before the change and enters the cache after it carries its old generation: too old
//! on arrival.
//!
//! # Which nodes a change waits for
//! The rows of `cluster_nodes`, read after the commit. A node writes its row before it first uses its cache, and
//! deletes it after its last use. The row of a killed process stays, until another node has seen no new beat in it for
//! two leases. A node writes its beat *before* the round trip that extends its lease, so the row of a node with a valid
//! lease is never deleted. A node that finds its row gone joins anew, with an empty cache. A node that lost its session
//! (a failover may have lost rows) waits whole leases for one lease.
//!
//! The command line is no node: it uses no cache, and waits a lease if there is a node.

mod acknowledgements;
mod announcements;
mod cache;
mod change;
mod feed;
mod generations;
mod lease;
mod membership;
mod nodes;

pub use announcements::{Groups, SERVICE_TOKENS, UNKNOWN_KEYS};
pub use cache::{Cache, CacheLookup};
pub use generations::{Generation, Generations, Slot};
pub use lease::Lease;
pub use membership::Membership;

use crate::base::config;
use crate::base::config::Config;
use crate::base::ids::NodeId;
use crate::base::time::Clock;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use acknowledgements::Acknowledgements;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// This process as one of those on the same database.
#[derive(Debug)]
pub struct Cluster {
    node: NodeId,
    settings: config::ClusterSettings,
    clock: Clock,
    generations: Generations,
    lease: Lease,
    acknowledgements: Arc<Acknowledgements>,
    state: Mutex<NodeState>,
    /// Ends the listener's pause early.
    alarm: Condvar,
    known_nodes: AtomicUsize,
}

/// The state of this process in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeState {
    /// It uses no cache, and receives no news.
    Outside,
    /// It will use a cache, or has lost its session.
    Joining,
    /// It receives the news. Since this time it knows all nodes.
    Listening(Duration),
    /// It stops.
    Leaving,
}

impl Cluster {
    /// Creates the state of a process that does not listen yet; see [`Membership::start`].
    pub fn new(config: &Config, clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            node: NodeId::new(),
            settings: config.cluster.clone(),
            clock: clock.clone(),
            generations: Generations::default(),
            lease: Lease::default(),
            acknowledgements: Arc::default(),
            state: Mutex::new(NodeState::Outside),
            alarm: Condvar::new(),
            known_nodes: AtomicUsize::new(0),
        })
    }

    /// Whether tests have switched off the second look at a caller's authority.
    pub fn skips_confirmation(&self) -> bool {
        self.settings.faults.no_confirmation
    }

    /// The clock that leases are measured by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns how long ago the last completed round trip was sent; `None` before the first, or without a cache.
    pub fn lease_age(&self) -> Option<Duration> {
        self.lease.age(self.clock.monotonic())
    }

    /// Returns whether this node may answer from its cache now.
    pub fn may_use_cache(&self) -> bool {
        self.lease.holds(|| self.clock.monotonic())
    }

    /// Returns the number of nodes, this node included, as of the last round trip; 0 without a cache.
    pub fn nodes(&self) -> usize {
        self.known_nodes.load(Ordering::Relaxed)
    }

    /// Registers the age of the lease and the number of nodes.
    pub fn register_metrics(self: &Arc<Self>, metrics: &Metrics) {
        let cluster = self.clone();
        let help = "Milliseconds since the last completed round trip to the database was sent; absent before the first";
        metrics.register(Kind::Gauge, "cluster_lease_age_milliseconds", help, move |readings| {
            if let Some(age) = cluster.lease_age() {
                readings.set(&[], u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            }
        });
        let cluster = self.clone();
        metrics.register(Kind::Gauge, "cluster_nodes", "Nodes on the database, this one included", move |readings| {
            readings.set(&[], cluster.nodes() as u64);
        });
    }

    fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock()
    }

    fn set_state(&self, state: NodeState) {
        *self.state() = state;
        self.alarm.notify_all();
    }
}
