//! Metrics for Prometheus: one registry for each application, no global state, and never a tenant's id in a label.
//!
//! There are two ways to count. Events of each request are counted in fields of [`Metrics`], by atomics that are
//! allocated at start-up ([`sharded`]): [`requests`] and [`verifications`]. All other metrics are read at each scrape,
//! from a module's getters, through [`Metrics::register`]; `process` is an example. A module registers once, while the
//! application is built. Its closure owns its data (an `Arc` of the module's own), never `web::Data<State>`: the state
//! owns the registry, and such a cycle would never be freed.

mod process;
mod requests;
mod sharded;
mod verifications;
mod watch;

pub use requests::Requests;
pub use verifications::{CredentialKind, Verification, Verifications};
pub use watch::{Kind, Readings};

use crate::base::config::Config;
use crate::base::time::Timestamp;
use crate::infra::http::RouteTable;
use parking_lot::RwLock;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

/// The metrics of one application.
pub struct Metrics {
    registry: RwLock<Registry>,
    /// Requests by route, method and status.
    pub requests: Arc<Requests>,
    /// Verifications of credentials by kind and code.
    pub verifications: Arc<Verifications>,
}

impl Metrics {
    /// Creates the metrics for these routes, and registers the version and the start time.
    pub fn new(config: &Config, routes: &RouteTable, started: Timestamp) -> Self {
        let workers = match config.server.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let (requests, verifications) =
            (Arc::new(Requests::new(routes, workers)), Arc::new(Verifications::new(workers)));
        let mut registry = Registry::with_prefix("keyward");
        registry.register_collector(Box::new(Arc::clone(&requests)));
        registry.register_collector(Box::new(Arc::clone(&verifications)));
        let metrics = Self { registry: RwLock::new(registry), requests, verifications };
        process::register(&metrics, started);
        metrics
    }

    /// Registers a metric that is read at each scrape. Its name gets the prefix `keyward_`, and for a counter the
    /// suffix `_total`. `read` sets values under a fixed set of labels, and must not wait.
    ///
    /// ```ignore
    /// metrics.register(Kind::Counter, "cache_lookups", "Lookups in the cache", move |readings| {
    ///     readings.set(&[("outcome", "hit")], cache.hits());
    ///     readings.set(&[("outcome", "miss")], cache.misses());
    /// });
    /// ```
    pub fn register(
        &self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn(&mut Readings<'_, '_>) + Send + Sync + 'static,
    ) {
        let mut registry = self.registry.write();
        registry.register_collector(Box::new(watch::Watched::new(kind, name, help, read)));
    }

    /// Returns all metrics in the OpenMetrics format.
    ///
    /// # Errors
    /// That of a collector that can't write.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.read())?;
        Ok(text)
    }
}
