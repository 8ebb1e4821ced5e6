//! Each thing that decides has one parser and one normal form: clients' addresses, blocks of addresses, e-mail addresses,
//! deciding headers, and the claims of issuers.

mod blocks;
mod claims;
mod client_addresses;
mod emails;
mod repeated_headers;
mod upgrade;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        blocks::tests(),
        claims::tests(),
        client_addresses::tests(),
        emails::tests(),
        repeated_headers::tests(),
        upgrade::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
