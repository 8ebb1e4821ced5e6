//! A large installation: 1,000,000 keys in 10,000 organizations.

use super::hot::SMALL;
use crate::api::{Tenant, call};
use crate::client::{Connection, bearer, each_once, request};
use crate::database::{Database, Kind, Stage};
use crate::generate::{Generator, Home, Population};
use crate::measure::{Series, milliseconds, short};
use crate::process::Server;
use crate::report::{Section, at_least, at_most};
use crate::settings::Settings;
use crate::wrk::{Load, alternate};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Instant;

/// On SQLite: generated faster, and the database's own work is not what this is about.
const KIND: Kind = Kind::Sqlite;

/// Start-up, memory, throughput and a long list.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let large = stage.database(KIND);
    let organizations = settings.organizations;
    let population = Population { organizations, members: 1, keys: settings.keys / organizations };
    let generated = Instant::now();
    let keys = Generator::new(&mut large.migrate()).populate(population);
    let generated = generated.elapsed().as_secs_f64();
    let title = format!("{} keys in {} organizations", short(keys.len() as f64), short(organizations as f64));
    let about = format!("On {}; generated in {generated:.0} s, from a seed.", KIND.name());
    let mut section = Section::new(&title, &about, &["what", "result"]);
    start_up(&large, &mut section);
    memory(&large, &keys, settings, &mut section);
    throughput(stage, &large, &keys, settings, &mut section);
    listing(&large, settings, &mut section);
    vec![section]
}

fn start_up(large: &Database<'_>, section: &mut Section) {
    let mut times = Series::default();
    // The first start makes the signing key, once for each database.
    drop(large.serve());
    for _ in 0..5 {
        let arguments = ["real", "--database", large.url()];
        let server = Server::of_this_build(crate::process::SERVER_CORE, &arguments, &large.stage.file(".log"));
        times.push(milliseconds(server.until_ready()));
    }
    section.row([
        "start to first 200 of `/readyz`, ms".to_owned(),
        format!("{times}; {}", at_most(times.median(), 500.0)),
    ]);
}

fn memory(large: &Database<'_>, keys: &[String], settings: &Settings, section: &mut Section) {
    let server = large.serve();
    let few = 1_000.min(settings.cached_keys / 2);
    let used = keys.len().min(settings.cached_keys);
    let each = keys.len() / used;
    let key = |number: usize| request("GET", "/v1/whoami", &bearer(&keys[number * each]), "");
    each_once(server.address(), 8, few, key);
    server.until_quiet();
    let before = server.resident();
    each_once(server.address(), 8, used, key);
    let once = server.resident();
    each_once(server.address(), 8, used, key);
    let twice = server.resident();
    server.until_quiet();
    let after = server.resident();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let name = |count: usize, when: &str| {
        format!("resident with {} keys in memory, {when}, in 10⁶ bytes", short(count as f64))
    };
    section.row([name(few, "at rest"), short(megabytes(before))]);
    section.row([name(used, "right after each was used once, with all that is to be written"), short(megabytes(once))]);
    section.row([name(used, "right after each was used twice"), short(megabytes(twice))]);
    section.row([name(used, "at rest"), at_most(megabytes(after), 100.0)]);
    let cost = after.saturating_sub(before) as f64 / (used - few) as f64;
    section.row(["resident bytes for each further key, at rest".to_owned(), at_most(cost, 400.0)]);
}

fn throughput(stage: &Stage, large: &Database<'_>, keys: &[String], settings: &Settings, section: &mut Section) {
    let small = stage.database(KIND);
    let few = Generator::new(&mut small.migrate()).populate(SMALL);
    let (small_server, large_server) = (small.serve(), large.serve());
    let spread = |count: usize| keys.iter().step_by((keys.len() / count).max(1)).take(count);
    let baseline = Load::get_with_keys("/v1/whoami", &few);
    let same = Load::get_with_keys("/v1/whoami", spread(few.len()));
    let many = Load::get_with_keys("/v1/whoami", spread(settings.cached_keys));
    let (one, other) = (small_server.address(), large_server.address());
    let beside = |load| alternate(settings, [(&baseline, one), (load, other)]);
    let alone_rounds = beside(&same);
    let used = many.keys.clone();
    each_once(other, 8, used.len(), |number| request("GET", "/v1/whoami", &bearer(&used[number]), ""));
    large_server.until_quiet();
    let same_rounds = beside(&same);
    // Last: what so many keys leave to be written would fall into the others' rounds, on the same core.
    let many_rounds = beside(&many);
    let name = |used: usize, of: usize, also: &str| {
        format!("requests/s, {} of {} keys in turn{also}", short(used as f64), short(of as f64))
    };
    section.row([name(few.len(), few.len(), ""), alone_rounds[0].requests_per_second.to_string()]);
    let others = format!(", {} in memory", short(many.keys.len() as f64));
    let sides =
        [(alone_rounds, &same, ", no others in memory"), (same_rounds, &same, &*others), (many_rounds, &many, "")];
    for ([baseline, rounds], load, also) in sides {
        let ratio = rounds.requests_per_second.ratio_to(&baseline.requests_per_second);
        let result = format!("{}; ratio {}", rounds.requests_per_second, at_least(ratio, 0.95));
        section.row([name(load.keys.len(), keys.len(), also), result]);
        assert_eq!(rounds.failed, 0, "keys were refused");
    }
}

fn listing(large: &Database<'_>, settings: &Settings, section: &mut Section) {
    let server = large.serve();
    let address = server.address();
    let tenant = Tenant::create(address);
    let workspace_id = tenant.add_workspace(address, "Listed");
    let token = tenant.owner.id_token.clone();
    let home = Home { organization_id: tenant.organization_id, workspace_id, creator_id: tenant.owner.user_id };
    Generator::new(&mut large.connect()).fill(&home, settings.listed_keys);
    let first = format!("/v1/workspaces/{}/api-keys?pageSize=100", home.workspace_id);
    let (mut last, mut pages) = (first.clone(), 1);
    while let Some(cursor) = call(address, "GET", &last, Some(&token), Value::Null)["nextCursor"].as_str() {
        last = format!("{first}&cursor={cursor}");
        pages += 1;
    }
    let (mut first_times, mut last_times) = (Series::default(), Series::default());
    for _ in 0..50 {
        first_times.push(page_time(address, &first, &token));
        last_times.push(page_time(address, &last, &token));
    }
    section.row([format!("page 1 of {pages} of a workspace's keys, ms"), first_times.to_string()]);
    let ratio = last_times.median() / first_times.median();
    section.row([format!("page {pages}, ms"), format!("{last_times}; ratio {}", at_most(ratio, 1.1))]);
}

fn page_time(address: SocketAddr, path: &str, token: &str) -> f64 {
    let mut connection = Connection::open(address);
    let bytes = request("GET", path, &bearer(token), "");
    let sent = Instant::now();
    assert_eq!(connection.send(&bytes).status, 200);
    milliseconds(sent.elapsed())
}
