//! What tests stand on: databases, servers, requests, tenants, and the search for secrets in the log.
//!
//! A test is an `async fn name(db: Backend)`, named in its module's [`tests!`]; one that needs no database is an
//! `async fn name()`, named in [`tests_once!`]. A test that is named in neither is dead code, which the compiler tells.

pub mod checks;
pub mod database;
pub mod dump;
pub mod environment;
pub mod harness;
pub mod http;
pub mod keeper;
pub mod log;
pub mod nginx;
pub mod node;
pub mod npm;
pub mod postgres;
pub mod process;
pub mod proxies;
pub mod raw;
pub mod redis;
pub mod secrets;
pub mod server;
pub mod smtp;
pub mod tenant;
pub mod tls_files;
pub mod until;
pub mod words;

pub use database::Backend;
pub use server::Server;
pub use tenant::Tenant;

/// `fn tests()`: the tests of this module that run on each database.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::support::harness::Test> {
            vec![$($crate::support::harness::Test::on_each_database(
                module_path!(),
                stringify!($name),
                |database| Box::pin($name(database)),
            )),*]
        }
    };
}
pub(crate) use tests;

/// `fn tests_once()`: the tests of this module that have nothing to do with a database.
macro_rules! tests_once {
    ($($name:ident),* $(,)?) => {
        pub fn tests_once() -> Vec<$crate::support::harness::Test> {
            vec![$($crate::support::harness::Test::once(
                module_path!(),
                stringify!($name),
                || Box::pin($name()),
            )),*]
        }
    };
}
pub(crate) use tests_once;
