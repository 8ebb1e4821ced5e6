//! The operator's way: commands on a database that is not there, the first user, restarts, and the demo.

mod demo;
mod first_user;
mod guide;
mod missing_database;
mod rolling_restart;
mod starting;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [first_user::tests(), missing_database::tests(), rolling_restart::tests()].into_iter().flatten().collect()
}

pub fn tests_once() -> Vec<Test> {
    [
        demo::tests_once(),
        guide::tests_once(),
        missing_database::tests_once(),
        rolling_restart::tests_once(),
        starting::tests_once(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
