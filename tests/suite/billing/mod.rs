//! Stripe's webhook: whose events count ([`signature`]), what they change ([`statuses`], [`whose`], [`grace`]), and that
//! neither their order nor their number matters ([`order`]).

mod grace;
mod order;
mod signature;
mod statuses;
pub mod stripe;
mod whose;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [grace::tests(), order::tests(), signature::tests(), statuses::tests(), whose::tests()]
        .into_iter()
        .flatten()
        .collect()
}
