//! wrk on the second core: as much load as it can make.

use crate::measure::{Series, short};
use crate::process::{CLIENT_CORE, pinned};
use crate::settings::Settings;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What to send, again and again.
#[derive(Clone, Debug)]
pub struct Load {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// API keys to use in turn, as `Authorization`.
    pub keys: Vec<String>,
}

/// One round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// How long it lasted.
    pub seconds: f64,
    pub requests_per_second: f64,
    /// Milliseconds.
    pub p99: f64,
    /// Answers of 400 and above, and connections that failed.
    pub failed: u64,
}

/// Several rounds of the same.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    pub requests_per_second: Series,
    pub p99: Series,
    pub failed: u64,
}

impl Rounds {
    /// Adds one.
    pub fn push(&mut self, round: Round) {
        self.requests_per_second.push(round.requests_per_second);
        self.p99.push(round.p99);
        self.failed += round.failed;
    }
}

/// The summary that the script prints: requests, microseconds, the 99th percentile, failures.
const SUMMARY: &str = "BENCH";

impl Load {
    /// A GET as this bearer.
    pub fn get(path: &str, token: &str) -> Self {
        let headers = crate::client::bearer(token);
        Self { method: "GET", path: path.to_owned(), headers, body: String::new(), keys: Vec::new() }
    }

    /// A GET with each of these keys in turn.
    pub fn get_with_keys<'k>(path: &str, keys: impl IntoIterator<Item = &'k String>) -> Self {
        let keys = keys.into_iter().cloned().collect();
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: String::new(), keys }
    }

    /// One round of load on a server.
    pub fn run(&self, address: SocketAddr, connections: usize, time: Duration) -> Round {
        let mut script = tempfile::NamedTempFile::with_suffix(".lua").expect("a file");
        let mut keys = tempfile::NamedTempFile::new().expect("a file");
        for key in &self.keys {
            writeln!(keys, "{key}").expect("the keys can be written");
        }
        script.write_all(self.script(keys.path()).as_bytes()).expect("the script can be written");
        let mut wrk = pinned(CLIENT_CORE, "wrk");
        wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{}s", time.as_secs()), "--timeout", "10s"]);
        wrk.arg("-s").arg(script.path()).arg(format!("http://{address}{}", self.path));
        parse(&mut wrk)
    }

    fn script(&self, keys: &Path) -> String {
        let mut script = format!("wrk.method = {:?}\n", self.method);
        for (name, value) in &self.headers {
            script.push_str(&format!("wrk.headers[{name:?}] = [[{value}]]\n"));
        }
        if !self.body.is_empty() {
            script.push_str(&format!(
                "wrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [[{}]]\n",
                self.body
            ));
        }
        if !self.keys.is_empty() {
            script.push_str(&format!(
                "local requests, last = {{}}, 0\n\
                 function init(args)\n  for key in io.lines({:?}) do\n    \
                 requests[#requests + 1] = wrk.format(nil, nil, {{ Authorization = \"Bearer \" .. key }})\n  end\nend\n\
                 function request()\n  last = last % #requests + 1\n  return requests[last]\nend\n",
                keys.display().to_string()
            ));
        }
        script.push_str(&format!(
            "function done(summary, latency)\n  local e = summary.errors\n  \
             print(string.format(\"{SUMMARY} %d %d %d %d\", summary.requests, summary.duration, \
             latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))\nend\n"
        ));
        script
    }
}

fn parse(wrk: &mut Command) -> Round {
    let output = wrk.output().unwrap_or_else(|error| panic!("wrk (scripts/setup.sh bench installs it): {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Option<Vec<f64>> = text
        .lines()
        .find_map(|line| line.strip_prefix(SUMMARY))
        .map(|line| line.split_whitespace().map(|number| number.parse().expect("a number")).collect());
    let Some([requests, microseconds, p99, failed]) = numbers.as_deref() else {
        panic!("wrk said: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    let seconds = microseconds / 1e6;
    let round = Round { seconds, requests_per_second: requests / seconds, p99: p99 / 1000.0, failed: *failed as u64 };
    eprintln!("    {} requests/s, p99 {} ms", short(round.requests_per_second), short(round.p99));
    round
}

/// Rounds in alternation: A B A B …, after one second of each that does not count.
pub fn alternate<const N: usize>(settings: &Settings, sides: [(&Load, SocketAddr); N]) -> [Rounds; N] {
    let mut results = alternate_all(settings, &sides).into_iter();
    std::array::from_fn(|_| results.next().unwrap_or_default())
}

/// [`alternate`], of as many sides as there are.
pub fn alternate_all(settings: &Settings, sides: &[(&Load, SocketAddr)]) -> Vec<Rounds> {
    let mut results = vec![Rounds::default(); sides.len()];
    for (load, address) in sides {
        load.run(*address, settings.connections, Duration::from_secs(1));
    }
    for _ in 0..settings.rounds {
        for ((load, address), result) in sides.iter().zip(&mut results) {
            result.push(load.run(*address, settings.connections, settings.round));
        }
    }
    results
}
