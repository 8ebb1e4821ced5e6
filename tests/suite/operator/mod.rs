//! The operator's way: commands on a database that is not there, the first user, restarts, and the demo.

mod first_user;
mod missing_database;
mod rolling_restart;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [first_user::tests(), missing_database::tests(), rolling_restart::tests()].into_iter().flatten().collect()
}

pub fn tests_once() -> Vec<Test> {
    [missing_database::tests_once(), rolling_restart::tests_once()].into_iter().flatten().collect()
}
