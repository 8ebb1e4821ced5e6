//! Invitations: their life, their mails, and the page that the mails lead to.

mod life_cycle;
pub mod mails;
mod page;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [life_cycle::tests(), mails::tests(), page::tests()].into_iter().flatten().collect()
}
