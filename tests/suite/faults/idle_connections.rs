//! Ten thousand connections that want nothing, and more connections than the server may have.

use super::crowd::Crowd;
use super::figures::{Figures, milliseconds, spread};
use super::{LOG, WITHOUT_LIMITS};
use crate::support::database::TestDatabase;
use crate::support::http::Api;
use crate::support::process::{self, Keyward};
use crate::support::until::until;
use crate::support::{Backend, Tenant, tests_once};
use rustix::process::{Resource, getrlimit};
use serde_json::json;
use std::cell::RefCell;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests_once![ten_thousand_idle_connections_disturb_nobody, more_connections_than_files_wait_and_break_nothing];

const MANY: usize = 10_000;
const PATIENT: &str = "
[server]
header_timeout = \"60s\"
keep_alive = \"60s\"
shutdown_timeout = \"10s\"
";

async fn ten_thousand_idle_connections_disturb_nobody() {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    // Only where the system allows no process so many files.
    let many = MANY.min(usize::try_from(limit.saturating_sub(400)).unwrap_or(MANY));
    let database = Arc::new(TestDatabase::create(Backend::Sqlite));
    // Longer than it takes to gather them.
    let configuration = format!("{PATIENT}{WITHOUT_LIMITS}");
    let mut server = Keyward::serve_logging(database, &configuration, LOG).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let mut before = ask(&server, &key).await;
    let memory_before = resident_kilobytes(server.process_id());
    let gathered = Instant::now();
    let mut crowd = Crowd::gather(server.address(), many, true).await;
    let gathering = gathered.elapsed();
    let mut meanwhile = ask(&server, &key).await;
    let memory = resident_kilobytes(server.process_id());
    let created = Instant::now();
    tenant.create_key(&tenant.owner, json!({})).await;
    let write = created.elapsed();
    assert_eq!(crowd.open(), many, "some were closed before their time");
    drop(tenant);
    let stopping = Instant::now();
    assert!(server.terminate().success());
    let stopped = stopping.elapsed();
    assert_eq!(crowd.open(), 0);
    assert!(stopped < Duration::from_secs(15), "they hold up the stop: {stopped:?}");
    assert!(meanwhile.iter().all(|time| *time < Duration::from_secs(3)), "{}", spread(&mut meanwhile));
    let each = memory.saturating_sub(memory_before) as f64 / many as f64;
    assert!(each < 64.0, "{each} KB for a connection");
    let mut figures = Figures::of("10,000 idle connections", Backend::Sqlite);
    figures
        .add("open at once, half of them after a request", many)
        .add("memory of each", format!("{each:.1} KB"))
        .add("checks of a key before", spread(&mut before))
        .add("checks of a key meanwhile", spread(&mut meanwhile))
        .add("a write meanwhile", milliseconds(write))
        .add("it took to gather them", milliseconds(gathering))
        .add("SIGTERM stopped the server after", milliseconds(stopped));
    figures.publish();
}

async fn more_connections_than_files_wait_and_break_nothing() {
    let database = Arc::new(TestDatabase::create(Backend::Sqlite));
    let configuration = format!("server.header_timeout = \"2s\"\n{WITHOUT_LIMITS}");
    let limited = |command: Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -n 300; exec "$@""#, "sh"]).arg(command.get_program()).args(command.get_args());
        process::take_environment(&mut shell, &command);
        shell
    };
    let mut server = Keyward::serve_through(database, &configuration, LOG, limited).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let crowd = RefCell::new(Crowd::gather(server.address(), 400, false).await);
    let (start, mut waits) = (Instant::now(), Vec::new());
    while waits.len() < 4 || start.elapsed() < Duration::from_secs(3) {
        let sent = Instant::now();
        server.get("/v1/whoami").bearer(&key).send().await.expect(200);
        // A list needs a file more, where the pool opens another connection.
        server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
        waits.push(sent.elapsed());
    }
    until("the crowd is turned away", async || crowd.borrow_mut().open() == 0).await;
    let mended = Instant::now();
    server.get("/v1/whoami").bearer(&key).send().await.expect(200);
    let recovered = mended.elapsed();
    drop(tenant);
    assert!(server.terminate().success());
    let mut figures = Figures::of("more connections than files", Backend::Sqlite);
    figures
        .add("files that the server may open, and connections that want something of it", "300 and 400")
        .add("requests of others: two in a row, all answered 200", waits.len())
        .add("they waited for their turn", spread(&mut waits))
        .add("first answer after the others were gone", milliseconds(recovered));
    figures.publish();
}

async fn ask(server: &Api, key: &str) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..100 {
        let sent = Instant::now();
        server.get("/v1/whoami").bearer(key).send().await.expect(200);
        times.push(sent.elapsed());
    }
    times
}

/// What the process has in memory; 0 where there is no `/proc`.
fn resident_kilobytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
