//! [`Server`]: a node on a fresh database, with a clock that the test moves.

use super::database::{Backend, TestDatabase};
use super::http::Api;
use super::node::Node;
use keyward::base::config;
use keyward::base::config::{Argon2Settings, Config, Sources};
use keyward::base::time::Clock;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// One for the whole suite, so that the signing key in the templates opens everywhere.
pub const MASTER_SECRET: &str = "5c0ff1e5a11ba11ad0c0a57a1ab1e5afe0b0a710ad0f5a1e5ab1e5b1a5edc0de";

/// A running server. It is also its [`Api`]: `server.get("/v1/me")`.
pub struct Server {
    // Dropped in this order: the node stops before its database goes.
    node: Node,
    /// Moves this node's time, and that of the nodes started by [`Server::another`].
    pub clock: Clock,
    /// What it was started with.
    pub config: Config,
    api: Api,
}

impl Server {
    /// A server with the default configuration.
    pub async fn start(backend: Backend) -> Self {
        Self::with(backend, |_| {}).await
    }

    /// A server whose configuration the test changes.
    pub async fn with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        let database = tokio::task::spawn_blocking(move || TestDatabase::create(backend)).await;
        let database = Arc::new(database.expect("a fresh database"));
        let mut config = test_config(&database);
        change(&mut config);
        Self::launch(database, config, Clock::system()).await
    }

    /// A second node on the same database, with the same clock; the configuration is this one's, changed.
    pub async fn another(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        change(&mut config);
        Self::launch(self.database.clone(), config, self.clock.clone()).await
    }

    /// Where its `/metrics` is, if it has one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.node.metrics_address()
    }

    /// A server on a database that is there already.
    pub async fn on(database: Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = test_config(&database);
        change(&mut config);
        Self::launch(database, config, Clock::system()).await
    }

    /// Starts a server on a database that is there already, and stops it; or why it does not start.
    pub async fn try_on(database: &Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Result<(), String> {
        let mut config = test_config(database);
        change(&mut config);
        let start = move || Node::start(config, Clock::system()).map(drop);
        tokio::task::spawn_blocking(start).await.expect("starting does not panic")
    }

    async fn launch(database: Arc<TestDatabase>, config: Config, clock: Clock) -> Self {
        let start = {
            let (config, clock) = (config.clone(), clock.clone());
            move || Node::start(config, clock)
        };
        let node = tokio::task::spawn_blocking(start).await.expect("starting does not panic");
        let node = node.unwrap_or_else(|reason| panic!("the server does not start: {reason}"));
        let api = Api::new(node.address(), database).at(&config.server.base_path);
        Self { node, clock, config, api }
    }
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// The defaults, made small: a test needs one worker, a short stop, and a hash that costs nothing.
pub fn test_config(database: &TestDatabase) -> Config {
    test_config_at(database.connection_url())
}

/// [`test_config`] for a database by its URL.
pub fn test_config_at(url: String) -> Config {
    let sources = Sources { database_url: Some(url), listen: Some("127.0.0.1:0".to_owned()), ..Sources::default() };
    let mut config = config::load(&sources).unwrap_or_else(|reason| panic!("the defaults do not load: {reason}"));
    config.server.workers = 1;
    config.metrics.listen = None;
    config.server.shutdown_timeout = Duration::from_secs(5);
    config.database.pool_size = 4;
    // A call that takes access away waits that long for a second node on SQLite, or for one that was killed.
    config.cluster.lease = Duration::from_millis(300);
    config.identity.master_secret = Some(MASTER_SECRET.into());
    // All requests of a test come from one address.
    config.identity.limits.sign_ups_per_address = 10_000;
    // Of the test's few people.
    lift_person_limits(&mut config);
    config.identity.argon2 = Argon2Settings { memory_kib: 64, iterations: 1, parallelism: 1 };
    config
}

/// Lets people write, create organizations, have trials and invite without limits.
fn lift_person_limits(config: &mut Config) {
    (config.limits.person_writes, config.limits.address_writes) = (1_000_000, 1_000_000);
    config.limits.organizations_per_day = 1_000_000;
    config.subscription.trials_per_person = 1_000_000;
    let invitations = &mut config.mail.invitation_limits;
    (invitations.young_per_organization, invitations.young_per_inviter) = (1_000_000, 1_000_000);
}
