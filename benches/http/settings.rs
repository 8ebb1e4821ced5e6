//! How long and how large: from the environment, with what `make bench` uses as the default.

use std::time::Duration;

/// One run's sizes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `KEYWARD_BENCH_SECONDS`: how long each round of load lasts.
    pub round: Duration,
    /// `KEYWARD_BENCH_ROUNDS`: how often each side has its turn.
    pub rounds: usize,
    /// The same, for the ratios that are within a few hundredths of their goal.
    pub hot_rounds: usize,
    /// `KEYWARD_BENCH_CONNECTIONS`: of the load generator, all kept alive.
    pub connections: usize,
    /// Requests under callgrind in the shorter run; the longer one has six times as many.
    pub counted_requests: usize,
    /// Keys that are used for the first time, each once.
    pub cold_keys: usize,
    /// `KEYWARD_BENCH_KEYS`: those of the large installation.
    pub keys: usize,
    /// Organizations of the large installation.
    pub organizations: usize,
    /// Keys that are used there, for the memory of each.
    pub cached_keys: usize,
    /// Keys in the one workspace that is listed.
    pub listed_keys: usize,
}

impl Settings {
    /// The defaults; with `KEYWARD_BENCH_QUICK=1` so small that a run shows only that the harness works.
    pub fn from_environment() -> Self {
        let full = Self {
            round: Duration::from_secs(1),
            rounds: 5,
            hot_rounds: 13,
            connections: 32,
            counted_requests: 500,
            cold_keys: 20_000,
            keys: 1_000_000,
            organizations: 10_000,
            cached_keys: 100_000,
            listed_keys: 10_000,
        };
        let base = match std::env::var_os("KEYWARD_BENCH_QUICK") {
            None => full,
            Some(_) => Self {
                round: Duration::from_secs(1),
                rounds: 2,
                hot_rounds: 2,
                counted_requests: 50,
                cold_keys: 2_000,
                keys: 20_000,
                organizations: 200,
                cached_keys: 5_000,
                listed_keys: 1_000,
                ..full
            },
        };
        Self {
            round: number("SECONDS").map_or(base.round, |seconds| Duration::from_secs(seconds as u64)),
            rounds: number("ROUNDS").unwrap_or(base.rounds),
            hot_rounds: number("ROUNDS").unwrap_or(base.hot_rounds),
            connections: number("CONNECTIONS").unwrap_or(base.connections),
            keys: number("KEYS").unwrap_or(base.keys),
            ..base
        }
    }
}

fn number(name: &str) -> Option<usize> {
    let name = format!("KEYWARD_BENCH_{name}");
    let text = std::env::var(&name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is no number")))
}
