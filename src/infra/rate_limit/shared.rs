//! Limits counted in a Redis that all nodes share, by one Lua script, which Redis runs as a whole or not at all.
//!
//! A request opens no connection, and waits at most `rate_limit.timeout`, once. The first failure removes the
//! connection for all requests of this node, which from then on do not wait for Redis. Meanwhile [`SharedStore::keep`]
//! tries to connect, in the background and every half a second. It restores the connection once the script itself has
//! run: a Redis that is full, read-only or too slow counts as unavailable too.
//!
//! A request that timed out may have been charged. It then counts twice, in Redis and in this node's memory.

use super::StoreDecision;
use super::allowance::PlanLimits;
use crate::base::ids::{KeyId, WorkspaceId};
use parking_lot::RwLock;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script, ScriptInvocation};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The time limit for connecting, TLS and authentication included. No request waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time between attempts to connect.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// The prefix of all keys in Redis. The braces around the workspace keep both of its buckets in one slot of a cluster.
const PREFIX: &str = "keyward:rate";

/// The store in Redis.
pub(super) struct SharedStore {
    client: Client,
    script: Script,
    timeout: Duration,
    link: RwLock<Option<Link>>,
    lost: Notify,
    /// Whether the current outage is logged.
    told: AtomicBool,
}

/// A connection on which no request has failed yet.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    /// Distinguishes this connection from earlier ones, whose failures may arrive late.
    number: u64,
}

impl SharedStore {
    /// Creates the store. [`SharedStore::keep`] connects.
    ///
    /// # Errors
    /// A message for the operator if `url` is not the URL of a Redis.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, String> {
        // The error may quote the URL, and with it a password.
        let client = Client::open(url).map_err(|_| "rate_limit.store: is not the URL of a Redis".to_owned())?;
        Ok(Self {
            client,
            script: Script::new(include_str!("store.lua")),
            timeout,
            link: RwLock::default(),
            lost: Notify::new(),
            told: AtomicBool::new(false),
        })
    }

    /// Returns whether there is a connection on which no request has failed yet.
    pub(super) fn is_connected(&self) -> bool {
        self.link.read().is_some()
    }

    /// Charges both limits, or neither. Returns `None` if Redis is unavailable.
    ///
    /// Cost: one round trip, and half a dozen small allocations for the command.
    pub(super) async fn charge(
        &self,
        key: &KeyId,
        workspace: &WorkspaceId,
        limits: &PlanLimits,
        cost: f64,
    ) -> Option<StoreDecision> {
        let mut link = self.link.read().clone()?;
        let invocation = self.invocation(&key.text(), &workspace.text(), limits, cost);
        match timeout(self.timeout, run(&invocation, &mut link.connection)).await {
            Ok(Ok(outcome)) => Some(outcome),
            Ok(Err(error)) => self.lose(link.number, &error.to_string()),
            Err(_) => self.lose(link.number, "it did not answer in time"),
        }
    }

    /// Connects, and reconnects after each loss. Runs as long as the server.
    pub(super) async fn keep(&self, limits: &PlanLimits) {
        let mut number = 0;
        loop {
            if self.link.read().is_none() {
                number += 1;
                if !self.connect(limits, number).await {
                    sleep(RETRY_EVERY).await;
                    continue;
                }
            }
            self.lost.notified().await;
        }
    }

    /// Tries to connect once, in bounded time.
    pub(super) async fn connect(&self, limits: &PlanLimits, number: u64) -> bool {
        let reason = match timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(Ok(mut connection)) => {
                let probe = self.invocation("probe", "probe", limits, 0.0);
                // The first run also loads the script into Redis; requests come after that.
                match timeout(self.timeout * 2, run(&probe, &mut connection)).await {
                    Ok(Ok(_)) => {
                        *self.link.write() = Some(Link { connection, number });
                        if self.told.swap(false, Ordering::Relaxed) {
                            tracing::info!("Redis is back: rate limits are shared by all nodes again");
                        }
                        return true;
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "it did not answer in time".to_owned(),
                }
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it can't be connected to in time".to_owned(),
        };
        self.log_unavailable(&reason);
        false
    }

    async fn open(&self) -> redis::RedisResult<MultiplexedConnection> {
        // Requests have their own, shorter time limit.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Removes the connection, unless it is a newer one already.
    fn lose(&self, number: u64, reason: &str) -> Option<StoreDecision> {
        let mut link = self.link.write();
        if link.as_ref().is_some_and(|link| link.number == number) {
            *link = None;
            drop(link);
            self.log_unavailable(reason);
            self.lost.notify_one();
        }
        None
    }

    /// Logs an outage, once.
    fn log_unavailable(&self, reason: &str) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Redis can't be asked: rate limits are not shared until it is back");
        }
    }

    fn invocation(&self, key: &str, workspace: &str, limits: &PlanLimits, cost: f64) -> ScriptInvocation<'_> {
        let mut invocation = self.script.prepare_invoke();
        invocation
            .key(format!("{PREFIX}:{{{workspace}}}:{key}"))
            .key(format!("{PREFIX}:{{{workspace}}}"))
            .arg(cost)
            .arg(limits.key.per_nanosecond * 1000.0)
            .arg(limits.key.burst)
            .arg(limits.workspace.per_nanosecond * 1000.0)
            .arg(limits.workspace.burst);
        invocation
    }
}

async fn run(
    invocation: &ScriptInvocation<'_>,
    connection: &mut MultiplexedConnection,
) -> redis::RedisResult<StoreDecision> {
    let (key_used, workspace_used, admitted): (f64, f64, u8) = invocation.invoke_async(connection).await?;
    Ok(StoreDecision { admitted: admitted == 1, key_used, workspace_used })
}
