//! Several processes on one database: access that was taken away is gone everywhere with the answer.
//!
//! [`proof`] plays a [`scenario`]: [`driver`]s change access while [`load`] asks every [`node`] for every key, [`faults`]
//! break things, and the [`ledger`] compares what was seen with what was promised.

mod driver;
mod faults;
pub mod ledger;
pub mod load;
pub mod node;
mod pooler;
mod processes;
mod proof;
mod proxy;
pub mod random;
mod scenario;
mod steady;

use crate::support::harness::Test;

/// Every test of this room.
pub fn all() -> Vec<Test> {
    [processes::tests(), processes::tests_once(), pooler::tests_once(), steady::tests_once(), proof::tests_once()]
        .into_iter()
        .flatten()
        .collect()
}
