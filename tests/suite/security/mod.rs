//! What keeps attackers out beside authentication: headers and pages, files and their modes, secrets in configuration and
//! their rotation, and the page that says which requirements of OWASP's standard are met.

mod abuse;
mod files;
mod master_secret;
mod pages;
mod readiness;
mod routes;
mod secret_settings;
mod standard;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        abuse::tests(),
        files::tests_once(),
        master_secret::tests(),
        pages::tests_once(),
        readiness::tests(),
        routes::tests(),
        secret_settings::tests_once(),
        standard::tests_once(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
