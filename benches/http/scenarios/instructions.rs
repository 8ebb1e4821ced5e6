//! Instructions for each request, which no other program on the machine changes.

use super::hot::{Comparison, Route};
use crate::client::{Connection, request};
use crate::database::{Kind, Stage};
use crate::measure::short;
use crate::process::{ANY_CORE, Server, pinned};
use crate::report::Section;
use crate::settings::Settings;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longer run has this many times the shorter one's requests.
const LONGER: usize = 6;

/// One process of each server, one connection, all routes after each other.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "Instructions per request",
        "`valgrind --tool=callgrind`, the difference of two run lengths. It counts all threads of the process, and \
         nothing of the kernel or of another process. On SQLite.",
        &["route", "Keyward", "bare", "ratio"],
    );
    let comparison = Comparison::prepare(stage, Kind::Sqlite);
    let answers = comparison.answers();
    let routes: Vec<&Route> = comparison.routes.iter().filter(|route| route.bare.is_ok()).collect();
    let real = count(stage, settings, &["real", "--database", comparison.database.url()], &routes);
    let bare = count(stage, settings, &comparison.bare_arguments(&answers), &routes);
    for (route, (ours, theirs)) in routes.into_iter().zip(real.into_iter().zip(bare)) {
        let name = format!("{} {}", route.load.method, route.load.path);
        section.row([name, short(ours), short(theirs), short(ours / theirs)]);
    }
    vec![section]
}

fn count(stage: &Stage, settings: &Settings, arguments: &[&str], routes: &[&Route]) -> Vec<f64> {
    let out = stage.file(".callgrind");
    let mut command = pinned(ANY_CORE, "valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(std::env::current_exe().expect("this program's path")).arg("serve").args(arguments);
    let server = Server::start(command, &stage.file(".log"));
    let mut dumps = 0;
    let mut instructions_of = |requests: usize, bytes: &[u8], connection: &mut Connection| {
        (0..requests).for_each(|_| assert!(connection.send(bytes).status < 300, "a request failed"));
        dumps += 1;
        dump(&server, &out, dumps)
    };
    let count_route = |route: &&Route| {
        let load = &route.load;
        let bytes = request(load.method, &load.path, &load.headers, &load.body);
        let mut connection = Connection::open(server.address());
        let short = settings.counted_requests;
        // The first dump takes along what start-up and warming up cost.
        instructions_of(short, &bytes, &mut connection);
        let few = instructions_of(short, &bytes, &mut connection);
        let many = instructions_of(LONGER * short, &bytes, &mut connection);
        (many - few) / ((LONGER - 1) * short) as f64
    };
    routes.iter().map(count_route).collect()
}

/// What was executed since the dump before.
fn dump(server: &Server, out: &Path, number: u32) -> f64 {
    let done = Command::new("callgrind_control").arg("--dump").arg(server.id().to_string()).output();
    let done = done.unwrap_or_else(|error| panic!("callgrind_control: {error}"));
    assert!(done.status.success(), "callgrind_control: {}", String::from_utf8_lossy(&done.stderr));
    let file = PathBuf::from(format!("{}.{number}", out.display()));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    total.and_then(|total| total.trim().parse().ok()).unwrap_or_else(|| panic!("{} has no total", file.display()))
}
