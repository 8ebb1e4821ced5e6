//! `make bench`: the real server against a bare one of the same build, side by side, into `benches/RESULTS.md`.
//!
//! One program with roles: the driver, which is what `cargo bench --bench http` starts, and `serve`, which the driver
//! starts. The servers have the first core, the driver and its clients the second one.
//! `cargo bench --bench http -- whoami peer` runs single scenarios, prints them, and leaves RESULTS.md alone.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that can't go on panics, and says where")]

mod api;
mod client;
mod database;
mod generate;
mod machine;
mod measure;
mod postgres;
mod process;
mod report;
mod scenarios;
mod serve;
mod settings;
mod wrk;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.split_first() {
        Some((role, rest)) if role == "serve" => serve::run(rest),
        _ => scenarios::run(&arguments),
    }
}
