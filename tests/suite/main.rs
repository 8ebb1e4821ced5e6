//! The black-box suite: the real application, over HTTP, on SQLite and on PostgreSQL.
//!
//! It has a harness of its own because one PostgreSQL serves all tests, each test runs on both databases, and the log
//! of the whole run is searched for secrets at the end. The usual arguments work:
//! `cargo test --test suite -- postgres::organizations`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests fail by panicking, and their names are their docs")]

mod api_keys;
mod architecture;
mod audit;
mod backups;
mod billing;
mod browser;
mod client;
mod cluster;
mod collections;
mod configuration;
mod contention;
mod contracts;
mod delegation;
mod deployment;
mod docs;
mod edges;
mod fast_path;
mod faults;
mod firebase;
mod gateway;
mod http;
mod identity;
mod invitations;
mod leaks;
mod logs;
mod matrix;
mod members;
mod metrics;
mod migrations;
mod openapi;
mod operation;
mod operator;
mod organizations;
mod parsers;
mod permissions;
mod rate_limits;
mod reads;
mod row_level_security;
mod security;
mod service_tokens;
mod services;
mod subscriptions;
mod support;
mod tls;
mod traces;
mod usage;

use support::harness::{self, Test};

/// Every module of the suite. One that is missing here does not run.
fn tests() -> Vec<Test> {
    [
        api_keys::tests(),
        architecture::tests_once(),
        backups::tests_once(),
        client::tests(),
        audit::tests(),
        billing::tests(),
        browser::tests(),
        cluster::all(),
        collections::tests(),
        configuration::tests_once(),
        contention::tests(),
        contention::tests_once(),
        contracts::tests(),
        delegation::tests(),
        deployment::tests_once(),
        docs::tests_once(),
        edges::tests(),
        faults::all(),
        firebase::tests(),
        gateway::tests(),
        http::tests(),
        identity::tests(),
        invitations::tests(),
        leaks::tests(),
        logs::tests(),
        matrix::tests(),
        members::tests(),
        metrics::tests(),
        migrations::tests(),
        openapi::tests(),
        operation::tests(),
        operation::tests_once(),
        operator::tests(),
        operator::tests_once(),
        organizations::tests(),
        permissions::tests(),
        permissions::tests_once(),
        parsers::tests(),
        rate_limits::tests(),
        reads::tests(),
        row_level_security::tests_once(),
        security::tests(),
        service_tokens::tests(),
        services::tests(),
        fast_path::tests(),
        subscriptions::tests(),
        support::checks::tests(),
        tls::tests(),
        tls::tests_once(),
        traces::tests(),
        traces::tests_once(),
        usage::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> std::process::ExitCode {
    // Started by one of its own tests.
    if let Some(ended) = cluster::node::run_if_asked().or_else(faults::crowd::run_if_asked) {
        return ended;
    }
    harness::main(tests())
}
