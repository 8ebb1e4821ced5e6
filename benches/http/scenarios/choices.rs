//! What was chosen by measurement: allocator, release profile, pages and workers, side by side in one run.
//!
//! This build in its variants always; others beside it where `KEYWARD_BENCH_BUILDS=NAME=PROGRAM,…` names some, which
//! `benches/builds.sh` makes.

use super::hot::SMALL;
use crate::client::{bearer, each_once, request};
use crate::database::{Database, Kind, Stage};
use crate::generate::{Generator, Population};
use crate::measure::short;
use crate::process::{ANY_CORE, SERVER_CORE, Server};
use crate::report::Section;
use crate::settings::Settings;
use crate::wrk::{Load, alternate_all};
use std::path::{Path, PathBuf};

/// One side.
struct Choice {
    name: String,
    program: PathBuf,
    cores: &'static str,
    arguments: &'static [&'static str],
}

/// Throughput of all sides in turn, and the memory of each.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let own = std::env::current_exe().expect("this program's path");
    let mut one_core = vec![
        choice("this build", &own, SERVER_CORE, &[]),
        choice("with huge pages", &own, SERVER_CORE, &["--huge-pages"]),
    ];
    let others = std::env::var("KEYWARD_BENCH_BUILDS").unwrap_or_default();
    for (name, program) in others.split(',').filter_map(|other| other.split_once('=')) {
        one_core.push(choice(name, Path::new(program), SERVER_CORE, &[]));
    }
    let workers = [
        choice("1 worker", &own, ANY_CORE, &[]),
        choice("2 workers", &own, ANY_CORE, &["--workers", "2"]),
        choice("4 workers", &own, ANY_CORE, &["--workers", "4"]),
    ];
    let about = "`GET /v1/whoami` with 1,000 keys in turn, on SQLite; the sides take turns.";
    vec![
        compare(stage, settings, &one_core, "Allocator, profile and pages", about),
        compare(
            stage,
            settings,
            &workers,
            "Workers",
            "The same, the server on both cores, which it shares with the client.",
        ),
    ]
}

fn choice(name: &str, program: &Path, cores: &'static str, arguments: &'static [&'static str]) -> Choice {
    Choice { name: name.to_owned(), program: program.to_owned(), cores, arguments }
}

fn compare(stage: &Stage, settings: &Settings, choices: &[Choice], title: &str, about: &str) -> Section {
    let used = settings.cached_keys;
    let header =
        ["side", "requests/s", "ratio to the first", "p99, ms", &format!("resident after {} keys twice, MiB", used)];
    let mut section = Section::new(title, about, &header);
    let databases: Vec<(Database<'_>, Vec<String>)> = choices.iter().map(|_| prepared(stage, used)).collect();
    let servers: Vec<Server> =
        choices.iter().zip(&databases).map(|(choice, (database, _))| start(stage, choice, database)).collect();
    let few: usize = SMALL.organizations * SMALL.keys;
    let loads: Vec<Load> =
        databases.iter().map(|(_, keys)| Load::get_with_keys("/v1/whoami", keys.iter().take(few))).collect();
    let sides: Vec<_> = loads.iter().zip(&servers).map(|(load, server)| (load, server.address())).collect();
    let rounds = alternate_all(settings, &sides);
    let first = &rounds[0].requests_per_second;
    for (((choice, server), rounds), (_, keys)) in choices.iter().zip(&servers).zip(&rounds).zip(&databases) {
        assert_eq!(rounds.failed, 0, "{}: keys were refused", choice.name);
        let ask = |number: usize| request("GET", "/v1/whoami", &bearer(&keys[number]), "");
        each_once(server.address(), 8, keys.len(), ask);
        each_once(server.address(), 8, keys.len(), ask);
        section.row([
            choice.name.clone(),
            rounds.requests_per_second.to_string(),
            short(rounds.requests_per_second.ratio_to(first)),
            rounds.p99.to_string(),
            short(server.resident() as f64 / 1_048_576.0),
        ]);
    }
    section
}

/// As many keys as are used, a hundred for each organization.
fn prepared(stage: &Stage, keys: usize) -> (Database<'_>, Vec<String>) {
    let database = stage.database(Kind::Sqlite);
    let population = Population { organizations: keys / 100, members: 1, keys: 100 };
    let keys = Generator::new(&mut database.migrate()).populate(population);
    (database, keys)
}

fn start(stage: &Stage, choice: &Choice, database: &Database<'_>) -> Server {
    let mut arguments = vec!["real", "--database", database.url()];
    arguments.extend(choice.arguments);
    let server = Server::of_build(&choice.program, choice.cores, &arguments, &stage.file(".log"));
    server.until_ready();
    server
}
