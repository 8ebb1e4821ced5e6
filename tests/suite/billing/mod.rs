//! Stripe's webhook: whose events count ([`signature`]), in which shapes ([`versions`]), what they change ([`statuses`],
//! [`whose`], [`best`], [`grace`], [`time`]), and that neither their order nor their number matters ([`order`]).

mod best;
mod grace;
mod order;
mod signature;
mod statuses;
pub mod stripe;
mod time;
mod versions;
mod whose;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        best::tests(),
        grace::tests(),
        order::tests(),
        signature::tests(),
        statuses::tests(),
        time::tests(),
        versions::tests(),
        whose::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
