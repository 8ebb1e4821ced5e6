//! Keyward's own clients: the command line, and the TypeScript SDK.

mod answers;
mod configure;
mod exit_codes;
mod home;
mod layers;
mod reading;
mod retries;
mod sdk;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        configure::tests(),
        configure::tests_once(),
        exit_codes::tests(),
        exit_codes::tests_once(),
        layers::tests(),
        reading::tests(),
        retries::tests_once(),
        sdk::tests(),
        sdk::tests_once(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
