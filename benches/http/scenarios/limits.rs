//! Whether rate limits admit what they allow, however many nodes there are.

use super::hot::SMALL;
use crate::database::{Kind, Stage};
use crate::generate::Generator;
use crate::measure::{Series, short};
use crate::process::{ANY_CORE, Server};
use crate::report::Section;
use crate::settings::Settings;
use crate::wrk::{Load, Round};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Requests a second of one key; as many may come at once.
const RATES: [u32; 2] = [100, 1_000];
/// The nodes' clients, each.
const CONNECTIONS: usize = 8;

/// One key, as fast as its answers come, through one node and through two that share Redis.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "Rate limits under too much load",
        "One key, asked for as fast as the answers come; the burst is one second's requests. Allowed are the burst and the rate \
         times the time; the goal is a difference of at most 1%.",
        &["requests a second", "nodes", "counted in", "sent a second", "allowed", "admitted", "difference, %"],
    );
    let redis = Redis::start();
    for rate in RATES {
        for (nodes, store) in [(1, "memory".to_owned()), (2, redis.url())] {
            let database = stage.database(Kind::Sqlite);
            let keys = Generator::new(&mut database.migrate()).populate(SMALL);
            let rate_text = rate.to_string();
            let arguments = ["--rate", &rate_text, "--store", &store];
            let servers: Vec<Server> = (0..nodes).map(|_| database.serve_on(ANY_CORE, &arguments)).collect();
            let (mut sent, mut allowed, mut admitted, mut difference) = <[Series; 4]>::default().into();
            // A fresh key for each round: its bucket is empty.
            for key in keys.iter().step_by(SMALL.keys).take(settings.rounds) {
                let rounds = together(&servers, &Load::get("/v1/whoami", key), settings.round);
                let seconds = rounds.iter().map(|round| round.seconds).fold(0.0, f64::max);
                let requests = |round: &Round| round.requests_per_second * round.seconds;
                let all: f64 = rounds.iter().map(requests).sum();
                let let_in = all - rounds.iter().map(|round| round.failed as f64).sum::<f64>();
                let right = f64::from(rate) * (1.0 + seconds);
                sent.push(all / seconds);
                allowed.push(right);
                admitted.push(let_in);
                difference.push((let_in / right - 1.0) * 100.0);
            }
            let store = if nodes == 1 { "memory" } else { "Redis" };
            section.row([
                short(f64::from(rate)),
                nodes.to_string(),
                store.to_owned(),
                short(sent.median()),
                short(allowed.median()),
                short(admitted.median()),
                difference.to_string(),
            ]);
        }
    }
    vec![section]
}

/// The same load on all nodes at once.
fn together(servers: &[Server], load: &Load, time: Duration) -> Vec<Round> {
    std::thread::scope(|scope| {
        let running: Vec<_> = servers
            .iter()
            .map(|server| {
                let address = server.address();
                scope.spawn(move || load.run(address, CONNECTIONS, time))
            })
            .collect();
        running.into_iter().map(|round| round.join().expect("a round")).collect()
    })
}

/// A Redis of this run; dropping it kills it.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("redis-server (scripts/setup.sh redis installs it): {error}"));
        let redis = Self { port, child };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        redis
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
