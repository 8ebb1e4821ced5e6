//! [`Drain`]: whether the process is about to stop.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the process is about to stop. From then on the node is not ready, and its answers close their connections,
/// so that load balancers choose other nodes before the listener closes.
#[derive(Debug, Default)]
pub struct Drain(AtomicBool);

impl Drain {
    pub fn begin(&self) {
        self.0.store(true, Relaxed);
    }

    pub fn has_begun(&self) -> bool {
        self.0.load(Relaxed)
    }
}
