//! Four products' public documentation, spoken by configuration alone: each fact of it, and each `curl` as it is printed
//! there, with another host. `docs/reference/contracts.md` lists the facts and the tests that prove them.

mod curl;
mod siteplot;
mod socifyr;
mod soku;
mod sotion;
mod table;

use crate::support::harness::Test;
use crate::support::{Backend, Server};
use keyward::base::config::{Config, Sources, load};
use std::io::Write;
use tempfile::NamedTempFile;

pub fn tests() -> Vec<Test> {
    [siteplot::tests(), socifyr::tests(), soku::tests(), sotion::tests(), table::tests_once()]
        .into_iter()
        .flatten()
        .collect()
}

/// A server with one word of configuration: `preset = "soku"`.
async fn server(db: Backend, preset: &str) -> Server {
    Server::with(db, |config| *config = configured(config, preset)).await
}

/// What the preset makes of a test's configuration.
fn configured(test: &Config, preset: &str) -> Config {
    let mut file = NamedTempFile::with_suffix(".toml").expect("a file");
    writeln!(file, "preset = \"{preset}\"").expect("written");
    let path = Some(file.path().to_owned());
    let url = Some(test.database.url.to_string());
    let config = load(&Sources { file: path, database_url: url, ..Sources::default() }).expect("the preset loads");
    let Config { preset, server, keys, errors, subscription, plans, collections, .. } = config;
    let base_path = server.base_path;
    let server = keyward::base::config::Server { base_path, ..test.server.clone() };
    Config { preset, server, keys, errors, subscription, plans, collections, ..test.clone() }
}
