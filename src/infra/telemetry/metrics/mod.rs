//! Metrics for Prometheus: one registry for each application, no global state, and never a tenant's id in a label.
//!
//! Two ways in. What happens at each request is counted in fields of [`Metrics`], by atomics that were made at start-up
//! ([`sharded`]): [`requests`] and [`verifications`]. Everything else is read when Prometheus asks, from the getters of the room
//! that knows, through [`Metrics::register`]: see `process` for how. A room registers once, where the application is put
//! together, and its closure owns what it reads (an `Arc` of the room's own): never `web::Data<State>`, which owns
//! the registry and would be kept alive by it.

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
    /// Requests, by route, method and status.
    pub requests: Arc<Requests>,
    /// Verifications of credentials, by their outcome.
    pub verifications: Arc<Verifications>,
}

impl Metrics {
    /// Metrics over the routes there are, with what every application has registered.
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

    /// Registers a metric that is read at each scrape: `keyward_` and the name; a counter gets `_total` besides.
    /// `read` names the labels, all of them known beforehand, and must not wait.
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

    /// The text that Prometheus scrapes, in the OpenMetrics format.
    ///
    /// # Errors
    /// A collector could not write.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.read())?;
        Ok(text)
    }
}
