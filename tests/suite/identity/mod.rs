//! Who people are: the built-in provider, Firebase projects, and what is refused.

mod accounts;
mod action_page;
mod admission;
mod attempts;
mod bodies;
mod builtin_tokens;
mod certificates;
mod confirmation;
mod cors;
mod deletion;
mod docs_token;
mod first_start;
pub mod foreigners;
pub mod forge;
mod issuer_invitations;
mod issuers;
pub mod key_server;
mod mail_format;
mod mailed_codes;
mod numeric_dates;
mod onward;
mod passwords;
mod project_keys;
mod project_tokens;
mod races;
mod refusals;
pub mod rest;
mod rotation;
pub mod sessions;
mod sign_in_log;
mod sign_up;
mod update;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        accounts::tests(),
        action_page::tests(),
        admission::tests(),
        attempts::tests(),
        bodies::tests(),
        builtin_tokens::tests(),
        certificates::tests(),
        confirmation::tests(),
        cors::tests(),
        deletion::tests(),
        docs_token::tests(),
        first_start::tests(),
        mail_format::tests(),
        mailed_codes::tests(),
        numeric_dates::tests(),
        onward::tests(),
        passwords::tests(),
        project_keys::tests(),
        project_tokens::tests(),
        races::tests_once(),
        refusals::tests(),
        rest::tests(),
        update::tests(),
        issuer_invitations::tests(),
        issuers::tests(),
        rotation::tests(),
        sessions::tests(),
        sign_in_log::tests(),
        sign_up::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
