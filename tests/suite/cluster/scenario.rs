//! The scenario: three nodes on a PostgreSQL of their own, load on all of them, and changes of access.

use super::driver::{Change, Driver};
use super::faults::{Faults, Weather};
use super::ledger::Verdict;
use super::load::{Board, Load};
use super::node::{NodeSettings, spawn};
use super::proxy::Proxy;
use super::random::Random;
use crate::support::database::TestDatabase;
use crate::support::postgres::Postgres;
use crate::support::process::Keyward;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const NODES: usize = 3;
const DATABASE: &str = "postgres";

/// Where it plays.
pub struct Stage {
    pub nodes: Vec<Keyward>,
    pub proxies: Vec<Proxy>,
    pub postgres: Postgres,
    lease: Duration,
}

/// What goes wrong meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Everything,
    Partitions,
    Nothing,
}

/// How it went.
pub struct Report {
    pub verdict: Verdict,
    pub changes: Vec<Change>,
    pub faults: BTreeMap<&'static str, usize>,
}

impl Stage {
    /// Nodes with this lease, and whatever else the caller changes in their settings.
    pub async fn set(lease: Duration, change: impl Fn(&mut NodeSettings)) -> Self {
        let starting = || Postgres::private(&["synchronous_commit=on", "shared_preload_libraries=pg_stat_statements"]);
        let postgres = tokio::task::spawn_blocking(starting).await.expect("no panic").expect("a PostgreSQL");
        let database_url = postgres.application_url().to_owned();
        let database = Arc::new(TestDatabase::elsewhere(database_url.clone()));
        let url = database.url();
        let migrated = tokio::task::spawn_blocking(move || keyward::infra::db::migrate(&url)).await;
        migrated.expect("no panic").expect("migrated");
        let (mut nodes, mut proxies) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let proxy = Proxy::to(postgres.socket_directory());
            let mut settings = NodeSettings {
                database_url: database_url.clone(),
                listen_url: Some(proxy.url(DATABASE)),
                lease,
                no_wait: false,
                no_fence: false,
                slow_fill: Duration::ZERO,
                no_confirmation: false,
            };
            change(&mut settings);
            nodes.push(spawn(&settings, database.clone()).await);
            proxies.push(proxy);
        }
        Self { nodes, proxies, postgres, lease }
    }

    /// Plays for this long, or until a stale admission is seen, if it is meant to be.
    pub async fn play(
        &mut self,
        seed: u64,
        time: Duration,
        pause: u64,
        trouble: Trouble,
        until_caught: bool,
    ) -> Report {
        let (board, weather) = (Arc::<Board>::default(), Weather::default());
        let mut drivers = Vec::new();
        for number in 0..4 {
            drivers.push(Driver::new(&self.nodes, &board, &weather, self.lease, seed + number).await);
        }
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address()).collect();
        let mut load = Load::start(&addresses, 2, &board);
        load.write_slowly(&addresses, 3, &board);
        let started = Instant::now();
        let caught = std::cell::Cell::new(false);
        let is_over = || caught.get() || started.elapsed() > time;
        let passed = || started.elapsed().as_secs_f64() / time.as_secs_f64();
        let mut faults = Faults {
            nodes: &self.nodes,
            proxies: &self.proxies,
            postgres: &mut self.postgres,
            weather: &weather,
            random: Random::new(seed),
            done: BTreeMap::new(),
        };
        let trouble = async {
            match trouble {
                Trouble::Everything => faults.run(is_over, passed).await,
                Trouble::Partitions => faults.partition_last(is_over).await,
                Trouble::Nothing => {}
            }
        };
        let watch = async {
            while until_caught && !is_over() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                caught.set(!evaluate(&board).admitted.is_empty());
            }
        };
        tokio::join!(join_all(drivers.iter_mut().map(|driver| driver.run(is_over, pause))), trouble, watch);
        // All is mended: what is good is good everywhere.
        tokio::time::sleep(Duration::from_millis(500)).await;
        load.stop();
        let changes = drivers.into_iter().flat_map(|driver| driver.changes).collect();
        Report { verdict: evaluate(&board), changes, faults: faults.done }
    }
}

fn evaluate(board: &Board) -> Verdict {
    let mut verdict = Verdict::default();
    board.all().iter().for_each(|probe| probe.evaluate(&mut verdict));
    verdict
}
