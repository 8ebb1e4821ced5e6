//! What is measured: one file for each scenario.

mod choices;
mod cold;
mod creation;
mod hot;
mod instructions;
mod limits;
mod million;
mod peer;
mod storm;

use crate::database::Stage;
use crate::process::CLIENT_CORE;
use crate::report::Section;
use crate::settings::Settings;
use crate::{machine, process};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

type Scenario = fn(&Stage, &Settings) -> Vec<Section>;

const ALL: [(&str, Scenario); 9] = [
    ("hot", hot::run),
    ("instructions", instructions::run),
    ("cold", cold::run),
    ("million", million::run),
    ("creation", creation::run),
    ("storm", storm::run),
    ("limits", limits::run),
    ("peer", peer::run),
    ("choices", choices::run),
];

/// The driver: all scenarios into RESULTS.md, or the named ones onto the screen.
pub fn run(names: &[String]) {
    for name in names {
        let known: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert!(known.contains(&name.as_str()), "{name:?} is no scenario; there are {known:?}");
    }
    keep_to_client_core();
    let settings = Settings::from_environment();
    let stage = Stage::new();
    let (mut results, mut failed) = (String::new(), false);
    for (name, scenario) in ALL.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name))
    {
        eprintln!("{name}");
        let started = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| scenario(&stage, &settings))) {
            Ok(sections) => sections.iter().for_each(|section| results.push_str(&section.to_string())),
            Err(_) => {
                failed = true;
                results.push_str(&format!("## {name}\n\nFailed; the run's output says why.\n\n"));
            }
        }
        eprintln!("  {:.0} s", started.elapsed().as_secs_f64());
    }
    println!("{results}");
    if names.is_empty() {
        write(&results, &stage, &settings);
    }
    drop(stage);
    if failed {
        std::process::exit(1);
    }
}

fn write(results: &str, stage: &Stage, settings: &Settings) {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let notes = std::fs::read_to_string(benches.join("NOTES.md")).expect("benches/NOTES.md can be read");
    let machine = machine::describe(&stage.postgres().version);
    let text = format!(
        "# What Keyward costs\n\nWritten by `make bench`; benches/NOTES.md is its last section. Each number is the median of {} rounds of {} s, \
         with the least and the most, and each ratio the median of the ratios of rounds beside each other; the sides \
         take turns (A B A B), over {} connections that stay open, the server on \
         one core and the client on another. *Bare* is an actix handler of the same build that answers with the same \
         bytes and headers.\n\n{machine}\n{results}{notes}",
        settings.rounds,
        settings.round.as_secs(),
        settings.connections,
    );
    std::fs::write(benches.join("RESULTS.md"), text).expect("benches/RESULTS.md can be written");
}

/// Before the first thread starts, so that all of them stay there too.
fn keep_to_client_core() {
    if process::can_pin() {
        let id = std::process::id().to_string();
        let done = Command::new("taskset").args(["-cp", CLIENT_CORE, &id]).output();
        assert!(done.is_ok_and(|output| output.status.success()), "taskset can't move this process");
    }
}
