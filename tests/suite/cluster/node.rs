//! A node that is a process of its own: this very binary, run again, since the switches that break the cluster's promise
//! are out of reach of any configuration.

use crate::support::database::TestDatabase;
use crate::support::environment;
use crate::support::node::Node;
use crate::support::process::Keyward;
use crate::support::server::test_config_at;
use keyward::base::config::Config;
use keyward::base::time::Clock;
use keyward::infra::telemetry;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const VARIABLE: &str = "KEYWARD_SUITE_NODE";

/// What one node is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeSettings {
    pub database_url: String,
    pub listen_url: Option<String>,
    pub lease: Duration,
    pub no_wait: bool,
    pub no_fence: bool,
    pub slow_fill: Duration,
    pub no_confirmation: bool,
}

/// What keys write to.
const NOTES: &str = "[notes.schema]\ntype = \"object\"\nproperties.text.type = \"string\"";

/// The load is no customer's, and a creation that is retried may leave a key behind.
pub fn lift_limits(config: &mut Config) {
    for plan in config.plans.values_mut() {
        (plan.max_active_keys, plan.requests_per_minute, plan.burst) = (1_000_000, 100_000_000, 100_000);
    }
    // Of deleted and rolled keys.
    config.rate_limit.unknown_keys_per_minute = 100_000_000;
}

/// Starts one, and waits until it listens.
pub async fn spawn(settings: &NodeSettings, database: Arc<TestDatabase>) -> Keyward {
    let mut command = Command::new(std::env::current_exe().expect("this binary's path"));
    command.env(VARIABLE, serde_json::to_string(settings).expect("JSON")).current_dir(environment::directory());
    // Held open until the node is waited for, or this process is gone.
    command.stdin(Stdio::piped());
    Keyward::start(command, database).await
}

/// Runs a node instead of the tests, if the environment says so. Ends with the process that started it.
pub fn run_if_asked() -> Option<ExitCode> {
    let settings = std::env::var(VARIABLE).ok()?;
    let settings: NodeSettings = serde_json::from_str(&settings).expect("a node's settings");
    let mut config = test_config_at(settings.database_url);
    config.database.listen_url = settings.listen_url.map(|url| url.parse().expect("a database's URL"));
    config.database.pool_size = 8;
    config.database.pool_timeout = Duration::from_millis(500);
    config.cluster.lease = settings.lease;
    config.cluster.faults.no_wait = settings.no_wait;
    config.cluster.faults.no_fence = settings.no_fence;
    config.cluster.faults.slow_fill = settings.slow_fill;
    config.cluster.faults.no_confirmation = settings.no_confirmation;
    config.collections = toml::from_str(NOTES).expect("good configuration");
    lift_limits(&mut config);
    config.log.filter = "warn,keyward::server::app=info".to_owned();
    // Dropped last: it writes the lines that wait.
    let _log = telemetry::init(&config.log, None).expect("a log");
    telemetry::log_panics();
    let node = Node::start(config, Clock::system()).expect("the node starts");
    let parent = thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = parent.join();
    drop(node);
    Some(ExitCode::SUCCESS)
}
