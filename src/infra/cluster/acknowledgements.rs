//! [`Acknowledgements`]: which nodes have heard of a change that somebody waits for.

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

/// Who has heard of one change.
#[derive(Debug, Default)]
struct Heard {
    nodes: Mutex<HashSet<NodeId>>,
    news: Notify,
}

/// A change that is waited for, until this is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    change: ChangeId,
    heard: Arc<Heard>,
    all: Arc<Acknowledgements>,
}

impl Acknowledgements {
    /// To be called before the commit, since an answer may come at once.
    pub(super) fn expect(self: &Arc<Self>, change: ChangeId) -> Waiter {
        let heard = Arc::<Heard>::default();
        self.waiting.lock().insert(change, heard.clone());
        Waiter { change, heard, all: self.clone() }
    }

    /// Whether anybody waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// `node` has heard of `change`, and honours nothing older.
    pub(super) fn take(&self, change: ChangeId, node: NodeId) {
        let heard = self.waiting.lock().get(&change).cloned();
        if let Some(heard) = heard {
            heard.nodes.lock().insert(node);
            heard.news.notify_one();
        }
    }
}

impl Waiter {
    /// Returns once all of `nodes` have heard.
    pub(super) async fn heard_by(&self, nodes: &[NodeId]) {
        loop {
            let all = {
                let heard = self.heard.nodes.lock();
                nodes.iter().all(|node| heard.contains(node))
            };
            if all {
                return;
            }
            // `notify_one` leaves a permit where nobody waits yet, so no news is lost between the look and this.
            self.heard.news.notified().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.all.waiting.lock().remove(&self.change);
    }
}
