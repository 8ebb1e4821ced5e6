//! What goes wrong meanwhile: nodes that stop, lines that are cut, slow or stuck, and a PostgreSQL that starts anew.

use super::proxy::Proxy;
use super::random::Random;
use crate::support::postgres::Postgres;
use crate::support::process::Keyward;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Whether something is broken: odd while it is.
#[derive(Default)]
pub struct Weather(AtomicUsize);

impl Weather {
    pub fn now(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Whether anything was broken at any time since [`Weather::now`] gave this.
    pub fn was_bad_since(&self, before: usize) -> bool {
        before % 2 == 1 || self.now() != before
    }

    fn turn(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What can be broken.
pub struct Faults<'a> {
    pub nodes: &'a [Keyward],
    pub proxies: &'a [Proxy],
    pub postgres: &'a mut Postgres,
    pub weather: &'a Weather,
    pub random: Random,
    pub done: BTreeMap<&'static str, usize>,
}

impl Faults<'_> {
    /// Breaks and mends until then; the database at these parts of the time that has passed.
    pub async fn run(&mut self, until: impl Fn() -> bool, passed: impl Fn() -> f64) {
        let mut restarts = vec![(0.7, "QUIT"), (0.35, "INT")];
        while !until() {
            self.sleep(200, 1500).await;
            self.weather.turn();
            match restarts.last() {
                Some((when, signal)) if passed() > *when => {
                    self.postgres.restart(signal);
                    self.count(if *signal == "INT" { "restart of PostgreSQL" } else { "crash of PostgreSQL" });
                    restarts.pop();
                    self.sleep(1500, 2500).await;
                }
                _ => self.disturb().await,
            }
            self.weather.turn();
        }
    }

    /// Only partitions of the last node, in quick succession.
    pub async fn partition_last(&mut self, until: impl Fn() -> bool) {
        let proxy = self.proxies.last().expect("a node");
        while !until() {
            proxy.hold(true);
            self.sleep(300, 600).await;
            proxy.hold(false);
            self.sleep(50, 300).await;
        }
    }

    async fn disturb(&mut self) {
        let place = self.random.index(self.nodes.len());
        let (node, proxy) = (&self.nodes[place], &self.proxies[place]);
        match self.random.below(4) {
            0 => {
                self.count("stopped node");
                node.signal("STOP");
                self.sleep(200, 3000).await;
                node.signal("CONT");
            }
            1 => {
                self.count("cut line");
                proxy.refuse(true);
                proxy.cut();
                self.sleep(0, 2000).await;
                proxy.refuse(false);
            }
            2 => {
                self.count("slow line");
                proxy.delay(Duration::from_millis(50 + self.random.below(1450)));
                self.sleep(500, 3000).await;
                proxy.delay(Duration::ZERO);
            }
            _ => {
                self.count("partition");
                proxy.hold(true);
                self.sleep(200, 3000).await;
                proxy.hold(false);
            }
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    async fn sleep(&mut self, shortest: u64, longest: u64) {
        let time = shortest + self.random.below(longest - shortest + 1);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}
