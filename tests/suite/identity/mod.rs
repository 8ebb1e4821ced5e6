//! Who people are: the built-in provider, Firebase projects, and what is refused.

mod accounts;
mod attempts;
mod bodies;
mod builtin_tokens;
mod docs_token;
mod first_start;
mod forge;
mod issuers;
mod key_server;
mod project_keys;
mod project_tokens;
mod rest;
mod rotation;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        accounts::tests(),
        attempts::tests(),
        bodies::tests(),
        builtin_tokens::tests(),
        docs_token::tests(),
        first_start::tests(),
        issuers::tests(),
        project_keys::tests(),
        project_tokens::tests(),
        rest::tests(),
        rotation::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
