//! Limits counted in a Redis that all nodes share: one Lua script, which Redis runs whole or not at all.
//!
//! A request never connects and waits at most `rate_limit.timeout`, once. The first failure takes the connection away
//! from all requests of this node; from then on they are told at once that Redis is away. Meanwhile [`SharedStore::keep`]
//! tries to connect, in the background and every half a second, and gives the connection back when the script itself has
//! run: a Redis that is full, read-only or too slow is away too.
//!
//! A request that gave up may have been charged. It then counts twice, in Redis and in this node's memory.

use super::StoreDecision;
use super::allowance::PlanLimits;
use crate::base::ids::{KeyId, WorkspaceId};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script, ScriptInvocation};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// How long a connection may take to be made, TLS and sign-in included. No request waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often an absent Redis is tried.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// What all names in Redis start with. The braces around the workspace keep both of its buckets in one slot of a cluster.
const PREFIX: &str = "keyward:rate";

/// The way to Redis.
pub(super) struct SharedStore {
    client: Client,
    script: Script,
    timeout: Duration,
    link: RwLock<Option<Link>>,
    lost: Notify,
    /// Whether the log knows that Redis is away.
    told: AtomicBool,
}

/// A connection that works, as far as anybody knows.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    /// Tells this connection from the one before, which late failures are about.
    number: u64,
}

impl SharedStore {
    /// Connects later, in [`SharedStore::keep`].
    ///
    /// # Errors
    /// A text for the operator: it is no URL of a Redis.
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

    /// Whether there is a connection that works, as far as anybody knows.
    pub(super) fn is_connected(&self) -> bool {
        self.link.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Charges both limits, or neither; `None` when Redis can't be asked.
    ///
    /// Cost: one round trip, and half a dozen small allocations for the command.
    pub(super) async fn charge(
        &self,
        key: &KeyId,
        workspace: &WorkspaceId,
        limits: &PlanLimits,
        cost: f64,
    ) -> Option<StoreDecision> {
        let mut link = self.link.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let invocation = self.invocation(&key.text(), &workspace.text(), limits, cost);
        match timeout(self.timeout, run(&invocation, &mut link.connection)).await {
            Ok(Ok(outcome)) => Some(outcome),
            Ok(Err(error)) => self.lose(link.number, &error.to_string()),
            Err(_) => self.lose(link.number, "it did not answer in time"),
        }
    }

    /// Connects, and connects again whenever the connection is lost. Runs as long as the server.
    pub(super) async fn keep(&self, limits: &PlanLimits) {
        let mut number = 0;
        loop {
            if self.link.read().unwrap_or_else(PoisonError::into_inner).is_none() {
                number += 1;
                if !self.connect(limits, number).await {
                    sleep(RETRY_EVERY).await;
                    continue;
                }
            }
            self.lost.notified().await;
        }
    }

    /// Tries once, in bounded time.
    pub(super) async fn connect(&self, limits: &PlanLimits, number: u64) -> bool {
        let reason = match timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(Ok(mut connection)) => {
                let probe = self.invocation("probe", "probe", limits, 0.0);
                // The first run also hands the script over; requests come after that.
                match timeout(self.timeout * 2, run(&probe, &mut connection)).await {
                    Ok(Ok(_)) => {
                        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(Link { connection, number });
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
        self.tell(&reason);
        false
    }

    async fn open(&self) -> redis::RedisResult<MultiplexedConnection> {
        // Requests bound their own waiting, more tightly.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Takes the connection away from all requests, unless it is a newer one already.
    fn lose(&self, number: u64, reason: &str) -> Option<StoreDecision> {
        let mut link = self.link.write().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(|link| link.number == number) {
            *link = None;
            drop(link);
            self.tell(reason);
            self.lost.notify_one();
        }
        None
    }

    /// Once for each outage.
    fn tell(&self, reason: &str) {
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
