//! better-auth with its API key plugin, on the same machine and the same PostgreSQL.

use super::hot::SMALL;
use crate::database::{Kind, Stage};
use crate::generate::Generator;
use crate::process::{SERVER_CORE, Server, pinned};
use crate::report::{Section, at_least};
use crate::settings::Settings;
use crate::wrk::{Load, alternate};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/better-auth");
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/better-auth");

/// One key against one key.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "better-auth",
        "One key, verified again and again: `GET /v1/whoami` of Keyward, and better-auth's `verifyApiKey` behind \
         Node's http (benches/peers/better-auth), its rate limit off. Each with one core and the same PostgreSQL.",
        &["server", "requests/s", "p99, ms", "failed"],
    );
    let installed = install().unwrap_or_else(|error| panic!("{error}"));
    let (ours, theirs) = (stage.database(Kind::Postgres), stage.database(Kind::Postgres));
    let keys = Generator::new(&mut ours.migrate()).populate(SMALL);
    let server = ours.serve();
    let mut node = pinned(SERVER_CORE, "node");
    node.arg("server.mjs").current_dir(&installed).env("DATABASE_URL", theirs.url()).env("NODE_ENV", "production");
    let peer = Server::start(node, &stage.file(".log"));
    let ours = Load::get("/v1/whoami", &keys[0]);
    let headers = vec![("x-api-key".to_owned(), peer.greeting.clone())];
    let theirs = Load { headers, ..Load::get("/", "") };
    let [ours, theirs] = alternate(settings, [(&ours, server.address()), (&theirs, peer.address())]);
    let ratio = ours.requests_per_second.ratio_to(&theirs.requests_per_second);
    for (name, rounds) in [("Keyward", &ours), ("better-auth", &theirs)] {
        let speed = rounds.requests_per_second.to_string();
        section.row([name.to_owned(), speed, rounds.p99.to_string(), rounds.failed.to_string()]);
    }
    section.row(["ratio".to_owned(), at_least(ratio, 100.0), String::new(), String::new()]);
    vec![section]
}

/// `npm ci` in the target directory, unless the lock file is that of the last time.
fn install() -> Result<PathBuf, String> {
    let (sources, target) = (Path::new(SOURCES), Path::new(TARGET));
    let say = |error: std::io::Error| format!("{}: {error}", target.display());
    fs::create_dir_all(target).map_err(say)?;
    for file in ["package.json", "package-lock.json", "server.mjs"] {
        fs::copy(sources.join(file), target.join(file)).map_err(say)?;
    }
    let done = target.join("installed.json");
    let lock = fs::read(sources.join("package-lock.json")).map_err(say)?;
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(target.to_owned());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(target);
    let output = npm.output().map_err(|error| format!("npm (scripts/setup.sh bench installs it): {error}"))?;
    if !output.status.success() {
        return Err(format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    fs::write(&done, lock).map_err(say)?;
    Ok(target.to_owned())
}
