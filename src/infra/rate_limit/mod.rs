//! Rate limits: how many requests a key, and all keys of a workspace together, may make.
//!
//! # The way of a request
//! [`RateLimits::check`] runs once for each request of an API key, after the subscription gate and before the guard
//! (`api::authentication`). It looks up the plan, charges the request in a store, and returns an [`Allowance`], which
//! knows whether the request is refused, and writes the headers. [`bucket`] is the arithmetic, GCRA; [`memory`] counts
//! in this node; [`shared`] counts in Redis, for all nodes; [`allowance`] is the result.
//!
//! A request is charged to its key **and** to its workspace, or to neither: a refusal by one limit uses nothing of the
//! other. That, and quotas that differ from key to key and change with the plan, is why the arithmetic is written here:
//! the `governor` crate has one quota for each limiter, and can neither look without charging nor give back.
//!
//! # The headers
//! `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10 are on each response to a counted
//! request. GCRA has no window, so `q` and `w` are a pair that a client can rely on: `q` is the burst, and `w` the time
//! in which a used up burst is free again, in whole seconds, rounded up. A client that sends at most `q` requests in
//! any `w` seconds, however bunched, is never refused: over any span, its requests are at most the burst and the
//! requests that leaked meanwhile. (The sustained rate over a longer window would promise bunches that are refused. If
//! a burst is free again within a second, `q` in 1 s is less than the limit allows.) `r` is how many requests are
//! allowed at once now, and `t` the time until one more is allowed: "the number of seconds until additional quota is
//! made available".
//!
//! # While Redis is unavailable
//! `rate_limit.when_unavailable` decides: `allow` counts in the node's memory, at the same limits, so that N nodes
//! admit at most N times as much; `deny` answers 503. [`RateLimits::fallbacks`] counts these requests. No request waits
//! longer than `rate_limit.timeout`, and after the first failure no request waits at all.

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

/// How often idle buckets are removed.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// The cost of one request.
pub const ONE: NonZeroU32 = NonZeroU32::MIN;

/// The limits of all plans, and their current use.
pub struct RateLimits {
    clock: Clock,
    plans: HashMap<String, PlanLimits, foldhash::fast::RandomState>,
    /// The limits for a plan that is no longer configured.
    default_plan: PlanLimits,
    /// The time in which any bucket runs empty.
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

/// A store's decision. The used amounts are in requests, and include this request if it was admitted.
#[derive(Clone, Copy, Debug)]
struct StoreDecision {
    admitted: bool,
    key_used: f64,
    workspace_used: f64,
}

/// The key and the workspace that a request is charged to, and their plan.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub key: &'a KeyId,
    pub workspace: &'a WorkspaceId,
    /// The name of the plan whose limits apply.
    pub plan: &'a str,
}

impl RateLimits {
    /// Creates the limits, with nothing used. Opens no connection: see [`RateLimits::run`].
    ///
    /// # Errors
    /// A message for the operator if `rate_limit.store` is unusable.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, String> {
        let limits_of = |name: &str| {
            let (key, workspace) = Quota::of_plan(&config.plan(name));
            PlanLimits::new(key, workspace, config.rate_limit.x_headers)
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

    /// Charges a request to the caller's key and workspace, by the caller's current plan. A refused request is charged
    /// to neither. A cost above the plan's burst is always refused.
    ///
    /// Cost: in memory 0.1 to 0.2 µs, including the clock, without waiting; with Redis one round trip.
    ///
    /// # Errors
    /// `unavailable` if Redis is unavailable and `rate_limit.when_unavailable` is `deny`.
    pub async fn check(&self, subject: Subject<'_>, cost: NonZeroU32) -> Result<Allowance, ApiError> {
        let limits = self.limits_of(subject);
        let cost = f64::from(cost.get());
        if let Some(shared) = &self.shared {
            // Boxed, so that the future is small to move where limits are in memory.
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

    /// [`RateLimits::check`] without waiting, for a request at the monotonic time `now`. Returns `None` if limits are
    /// counted in Redis, and for a refused request, which is charged nothing.
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

    /// Returns the number of requests that were decided without the configured Redis, since the start.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }

    /// Returns where requests are counted now.
    pub fn store(&self) -> StoreState {
        match &self.shared {
            None => StoreState::Memory,
            Some(shared) if shared.is_connected() => StoreState::Redis,
            Some(_) => StoreState::Away,
        }
    }

    /// Returns whether programs are refused because Redis is unavailable.
    pub fn refuses(&self) -> bool {
        self.when_unavailable == WhenUnavailable::Deny && self.store() == StoreState::Away
    }

    /// Registers the number of fallbacks, and whether Redis is connected.
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

    /// Connects to the configured Redis, if any, in bounded time, so that the first requests are counted there.
    pub async fn connect(&self) {
        if let Some(shared) = &self.shared {
            shared.connect(&self.default_plan, 0).await;
        }
    }

    /// Keeps the connection to Redis, and removes idle buckets. Runs as long as the server.
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
