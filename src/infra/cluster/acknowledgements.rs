//! [`Acknowledgements`]: which nodes have acknowledged a change that a call waits for.

use crate::base::ids::{ChangeId, NodeId};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::Notify;

/// The changes that calls on this node wait for.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    waiting: Mutex<HashMap<ChangeId, Arc<Heard>>>,
}

/// The nodes that have acknowledged one change.
#[derive(Debug, Default)]
struct Heard {
    nodes: Mutex<HashSet<NodeId>>,
    news: Notify,
}

/// Waits for the acknowledgements of one change, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    change: ChangeId,
    heard: Arc<Heard>,
    all: Arc<Acknowledgements>,
}

impl Acknowledgements {
    /// Registers a change. Must be called before the commit, since an acknowledgement may come at once.
    pub(super) fn expect(self: &Arc<Self>, change: ChangeId) -> Waiter {
        let heard = Arc::<Heard>::default();
        self.waiting.lock().insert(change, heard.clone());
        Waiter { change, heard, all: self.clone() }
    }

    /// Returns whether a call on this node waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// Records that `node` has applied `change`, and honours no older entry.
    pub(super) fn take(&self, change: ChangeId, node: NodeId) {
        let heard = self.waiting.lock().get(&change).cloned();
        if let Some(heard) = heard {
            heard.nodes.lock().insert(node);
            heard.news.notify_one();
        }
    }
}

impl Waiter {
    /// Returns once all of `nodes` have acknowledged.
    pub(super) async fn heard_by(&self, nodes: &[NodeId]) {
        loop {
            let all = {
                let heard = self.heard.nodes.lock();
                nodes.iter().all(|node| heard.contains(node))
            };
            if all {
                return;
            }
            // `notify_one` stores a permit if there is no waiter yet, so no acknowledgement is lost between check and
            // wait.
            self.heard.news.notified().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.all.waiting.lock().remove(&self.change);
    }
}
