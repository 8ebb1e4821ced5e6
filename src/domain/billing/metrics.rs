//! Counts of the webhook's requests by outcome, for Prometheus.

use super::events::{API_VERSION, Misunderstood};
use crate::base::sql::text_enum;
use crate::base::time::Timestamp;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

text_enum! {
    /// What became of an event.
    WebhookOutcome {
        /// An organization has another status, plan or end.
        Applied = "applied",
        /// Taken in; it changed no organization.
        Unchanged = "unchanged",
        /// Taken in, and remembered until it is known whose it is.
        Untied = "untied",
        /// It was taken in before.
        Duplicate = "duplicate",
        /// Of a type that does not matter here.
        Ignored = "ignored",
        /// A thin event, which has no facts in it.
        Thin = "thin",
        /// Of another API version, in a shape that is not known here; it changed nothing.
        NotUnderstood = "not_understood",
    }
}

/// How often the event ids are pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Counts of outcomes; one for each application.
#[derive(Debug, Default)]
pub struct Webhooks {
    taken: Arc<[AtomicU64; 7]>,
    refused: Arc<AtomicU64>,
    /// API versions whose unknown shape was logged.
    logged: Mutex<BTreeSet<String>>,
    pruned_at: AtomicI64,
}

/// The most API versions to log. Stripe has made a few a year.
const MAX_LOGGED: usize = 100;

const ALL: [WebhookOutcome; 7] = [
    WebhookOutcome::Applied,
    WebhookOutcome::Unchanged,
    WebhookOutcome::Untied,
    WebhookOutcome::Duplicate,
    WebhookOutcome::Ignored,
    WebhookOutcome::Thin,
    WebhookOutcome::NotUnderstood,
];

impl Webhooks {
    /// Counts an event.
    pub fn count(&self, outcome: WebhookOutcome) {
        if let Some(place) = ALL.iter().position(|one| *one == outcome) {
            self.taken[place].fetch_add(1, Relaxed);
        }
    }

    /// Counts an event that was not understood, and logs the first one of its API version.
    pub fn count_misunderstood(&self, event: &Misunderstood) {
        self.count(WebhookOutcome::NotUnderstood);
        let mut logged = self.logged.lock();
        if logged.len() < MAX_LOGGED && logged.insert(event.api_version.clone()) {
            let Misunderstood { api_version, field, reason } = event;
            tracing::warn!(
                api_version,
                field,
                reason,
                "Stripe's events of this API version are not understood, and change nothing: give the endpoint at Stripe \
                 the API version {API_VERSION}"
            );
        }
    }

    /// Counts a request with a wrong signature or shape.
    pub fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Whether old event ids are due for deletion: true once an hour, for one caller.
    pub fn is_pruning_due(&self, now: Timestamp) -> bool {
        let last = self.pruned_at.load(Relaxed);
        now.minus(PRUNE_EVERY).millis() >= last
            && self.pruned_at.compare_exchange(last, now.millis(), Relaxed, Relaxed).is_ok()
    }

    pub fn register_metrics(&self, metrics: &Metrics) {
        let (taken, refused) = (Arc::clone(&self.taken), Arc::clone(&self.refused));
        metrics.register(Kind::Counter, "billing_webhooks", "Events of the payment provider", move |readings| {
            for (outcome, count) in ALL.iter().zip(taken.iter()) {
                readings.set(&[("outcome", outcome.as_str())], count.load(Relaxed));
            }
            readings.set(&[("outcome", "refused")], refused.load(Relaxed));
        });
    }
}
