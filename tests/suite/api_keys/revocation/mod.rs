//! Keys that stop in other ways than one by one by an admin.

mod bulk;
mod holder;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [bulk::tests(), holder::tests()].into_iter().flatten().collect()
}
