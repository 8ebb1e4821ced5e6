//! Rate limits: how many requests a key, and all keys of a workspace together, may make.
//!
//! # The way through this room
//! [`RateLimits::check`] is asked once for each request of an API key, after the subscription gate and before the guard
//! (`http::authentication`). It looks up the plan, charges the request in a store, and answers an [`Allowance`], which
//! knows whether it is refused and writes the headers. [`bucket`] is the arithmetic, GCRA; [`memory`] counts in this node;
//! [`shared`] counts in Redis, for all nodes; [`allowance`] is what the caller is told.
//!
//! A request is charged to its key **and** to its workspace, or to neither: who is refused by one uses nothing up of the
//! other. That, and quotas that differ from key to key and change with the plan, is why the arithmetic is written here:
//! the `governor` crate has one quota for each limiter, and can neither look without charging nor give back.
//!
//! # What callers are told
//! `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, on each response to a caller who was
//! counted. GCRA has no window, so `q` and `w` are the pair that a client can rely on: `q` is the burst, and `w` the time
//! in which a used up burst is free again, in whole seconds, rounded up. Who sends no more than `q` requests in any `w`
//! seconds, however bunched, is never refused: over any span they are no more than the burst and what leaked meanwhile.
//! (The sustained rate over a longer window would promise bunches that are refused. Where a burst is free again within a
//! second, `q` in 1 s is less than what is allowed.) `r` is how many can come at once now, and `t` when one more can:
//! "the number of seconds until additional quota is made available".
//!
//! # While Redis can't be asked
//! `rate_limit.when_unavailable` decides: `allow` counts in the node's memory, at the same limits, so that N nodes admit at
//! most N times as much; `deny` answers 503. [`RateLimits::fallbacks`] counts the requests that were decided so.
//! Nothing waits longer than `rate_limit.timeout`, and after a first failure nothing waits at all.

mod allowance;
mod bucket;
#[cfg(test)]
mod exactness;
mod memory;
mod shared;

pub use allowance::{Allowance, RATELIMIT, RATELIMIT_POLICY};
pub use bucket::LimitStatus;

use crate::base::config::{Config, RateLimitStore, WhenUnavailable};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, WorkspaceId};
use crate::base::time::{Clock, nanoseconds};
use crate::infra::telemetry::metrics::Kind;
use crate::infra::telemetry::{Metrics, traces};
use allowance::PlanLimits;
use bucket::Quota;
use memory::MemoryStore;
use shared::SharedStore;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::Instrument;

/// How often buckets that rested are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// What one request costs.
pub const ONE: NonZeroU32 = NonZeroU32::MIN;

/// The limits of all plans, and what is used of them.
pub struct RateLimits {
    clock: Clock,
    plans: HashMap<String, PlanLimits, foldhash::fast::RandomState>,
    /// Of a plan that is no longer configured.
    default_plan: PlanLimits,
    /// In which any bucket runs empty.
    longest_window: Duration,
    memory: MemoryStore,
    shared: Option<Arc<SharedStore>>,
    when_unavailable: WhenUnavailable,
    fallbacks: Arc<AtomicU64>,
}

/// Where requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreState {
    /// In each node's memory, as configured.
    Memory,
    /// In Redis.
    Redis,
    /// The Redis that is configured can't be asked; `rate_limit.when_unavailable` decides.
    Away,
}

/// How a store decided, in requests. What is used includes this one if it was admitted.
#[derive(Clone, Copy, Debug)]
struct StoreDecision {
    admitted: bool,
    key_used: f64,
    workspace_used: f64,
}

/// What a request is charged to.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// The key's workspace.
    pub workspace: &'a WorkspaceId,
    /// The name of the plan whose limits apply.
    pub plan: &'a str,
}

impl RateLimits {
    /// With nothing used. Connects to nothing yet: see [`RateLimits::run`].
    ///
    /// # Errors
    /// A text for the operator: `rate_limit.store` can't be used.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, String> {
        let limits_of = |name: &str| {
            let (key, workspace) = Quota::of_plan(&config.plan(name));
            PlanLimits::new(key, workspace)
        };
        let plans: HashMap<_, _, _> = config.plans.keys().map(|name| (name.clone(), limits_of(name))).collect();
        let windows = plans.values().flat_map(|limits| [limits.key.window(), limits.workspace.window()]);
        let settings = &config.rate_limit;
        Ok(Self {
            clock,
            longest_window: windows.max().unwrap_or_default(),
            default_plan: limits_of(Config::DEFAULT_PLAN),
            plans,
            memory: MemoryStore::new(),
            shared: match &settings.store {
                RateLimitStore::Memory => None,
                RateLimitStore::Redis(url) => Some(Arc::new(SharedStore::new(url, settings.timeout)?)),
            },
            when_unavailable: settings.when_unavailable,
            fallbacks: Arc::default(),
        })
    }

    /// Charges a request to the caller's key and workspace, by the plan that the caller has at this moment; a refused one
    /// is charged to neither. A cost above the plan's burst is always refused.
    ///
    /// Cost: in memory 0.1 to 0.2 µs, of which the clock is a part, and it never waits; with Redis one round trip.
    ///
    /// # Errors
    /// `unavailable` where Redis can't be asked and `rate_limit.when_unavailable` is `deny`.
    pub async fn check(&self, subject: Subject<'_>, cost: NonZeroU32) -> Result<Allowance, ApiError> {
        let limits = self.limits_of(subject);
        let cost = f64::from(cost.get());
        if let Some(shared) = &self.shared {
            // In a box, so that the future of a limit in memory is small to move.
            let charge = shared.charge(subject.key, subject.workspace, limits, cost);
            let charge = Box::pin(charge.instrument(traces::wait("redis")));
            if let Some(outcome) = charge.await {
                return Ok(limits.allowance(outcome, cost));
            }
            self.fallbacks.fetch_add(1, Ordering::Relaxed);
            if self.when_unavailable == WhenUnavailable::Deny {
                return Err(ApiError::unavailable_because("Redis can't be asked for rate limits"));
            }
        }
        Ok(self.charge_in_memory(limits, subject, cost, self.clock.monotonic()))
    }

    /// [`RateLimits::check`] where nothing has to be waited for, for a request at `now`, by the clock's monotonic time.
    /// `None` where limits are counted elsewhere, and for a request that is refused, which is charged nothing.
    pub fn charge_at_once(&self, subject: Subject<'_>, cost: NonZeroU32, now: Duration) -> Option<Allowance> {
        if self.shared.is_some() {
            return None;
        }
        let allowance = self.charge_in_memory(self.limits_of(subject), subject, f64::from(cost.get()), now);
        allowance.admits().then_some(allowance)
    }

    fn limits_of(&self, subject: Subject<'_>) -> &PlanLimits {
        self.plans.get(subject.plan).unwrap_or(&self.default_plan)
    }

    fn charge_in_memory(&self, limits: &PlanLimits, subject: Subject<'_>, cost: f64, now: Duration) -> Allowance {
        let (key, workspace) = ((subject.key, &limits.key), (subject.workspace, &limits.workspace));
        limits.allowance(self.memory.charge(key, workspace, cost, nanoseconds(now)), cost)
    }

    /// Requests that were decided without the Redis that is configured, since the start.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }

    /// Where requests are counted at this moment.
    pub fn store(&self) -> StoreState {
        match &self.shared {
            None => StoreState::Memory,
            Some(shared) if shared.is_connected() => StoreState::Redis,
            Some(_) => StoreState::Away,
        }
    }

    /// Whether programs are refused because Redis is away.
    pub fn refuses(&self) -> bool {
        self.when_unavailable == WhenUnavailable::Deny && self.store() == StoreState::Away
    }

    /// Registers how often Redis was missed, and whether it is there.
    pub fn register_metrics(&self, metrics: &Metrics) {
        let fallbacks = self.fallbacks.clone();
        let help = "Requests that were decided without the Redis that is configured";
        metrics.register(Kind::Counter, "rate_limit_fallbacks", help, move |readings| {
            readings.set(&[], fallbacks.load(Ordering::Relaxed));
        });
        let Some(shared) = self.shared.clone() else { return };
        let help = "1 while the Redis that is configured counts, else 0; absent without one";
        metrics.register(Kind::Gauge, "rate_limit_store_connected", help, move |readings| {
            readings.set(&[], shared.is_connected().into());
        });
    }

    /// Connects to Redis, if one is configured, in bounded time: the first requests are then counted there.
    pub async fn connect(&self) {
        if let Some(shared) = &self.shared {
            shared.connect(&self.default_plan, 0).await;
        }
    }

    /// Keeps the connection to Redis, and forgets buckets that rested. Runs as long as the server.
    pub async fn run(&self) {
        let forget = async {
            let mut ticks = tokio::time::interval(FORGET_EVERY);
            loop {
                ticks.tick().await;
                self.memory.forget_rested(self.longest_window, nanoseconds(self.clock.monotonic()));
            }
        };
        let keep = async {
            if let Some(shared) = &self.shared {
                shared.keep(&self.default_plan).await;
            }
        };
        tokio::join!(forget, keep);
    }
}
