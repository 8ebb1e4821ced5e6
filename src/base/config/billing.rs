//! `[billing]`: Stripe's webhook, and how long a payment may be late.

use super::{Plan, Secret, duration};
use crate::base::policy::SubscriptionStatus;
use crate::base::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// `[billing]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// How long API clients keep access after a payment failed.
    #[serde(with = "duration")]
    pub past_due_grace: Duration,
    /// How long after the end of a period the provider's notice of its renewal may arrive.
    #[serde(with = "duration")]
    pub renewal_leeway: Duration,
    /// The access of API clients while the provider's collection of payments is paused.
    pub pause_collection: PauseCollection,
    /// Stripe's webhook; `None`: there is no such route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<StripeSettings>,
}

/// `[billing.pause_collection]`, by Stripe's `pause_collection.behavior`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseCollection {
    /// Invoices are voided.
    pub void: PausedCollection,
    /// Invoices stay drafts.
    pub keep_as_draft: PausedCollection,
    /// Invoices are marked as uncollectible.
    pub mark_uncollectible: PausedCollection,
}

/// How a subscription with a paused collection counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PausedCollection {
    /// It counts as a paused subscription.
    Refuse,
    /// Its own status counts.
    Admit,
}

/// `[billing.stripe]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeSettings {
    /// The endpoint's signing secrets: during a rotation the old and the new one.
    pub webhook_secrets: Secret<Vec<SecretString>>,
    /// The plan of each price, by Stripe's id of the price. Other prices don't count.
    #[serde(default)]
    pub prices: BTreeMap<String, String>,
}

/// The start of Stripe's signing secrets.
const SECRET_PREFIX: &str = "whsec_";
/// A shorter secret can be guessed.
const MIN_SECRET_LENGTH: usize = 24;

impl Billing {
    /// Returns when API clients lose access if a payment is due since `since`; `None` without a grace period.
    pub fn past_due_until(&self, since: Timestamp) -> Option<Timestamp> {
        (!self.past_due_grace.is_zero()).then(|| since.plus(self.past_due_grace))
    }

    /// Returns the end of the grace period of a status that is set at `now`.
    pub fn grace_of(&self, status: SubscriptionStatus, now: Timestamp) -> Option<Timestamp> {
        if status == SubscriptionStatus::PastDue { self.past_due_until(now) } else { None }
    }

    pub(super) fn check(&self, plans: &BTreeMap<String, Plan>) -> Result<(), String> {
        let Some(stripe) = &self.stripe else { return Ok(()) };
        if stripe.webhook_secrets.is_empty() {
            return Err("billing.stripe.webhook_secrets: must name at least one".into());
        }
        let is_secret = |text: &str| text.starts_with(SECRET_PREFIX) && text.len() >= MIN_SECRET_LENGTH;
        if !stripe.webhook_secrets.iter().all(|secret| is_secret(secret.expose_secret())) {
            return Err(format!(
                "billing.stripe.webhook_secrets: each must start with {SECRET_PREFIX} and have at least \
                 {MIN_SECRET_LENGTH} characters"
            ));
        }
        for (price, plan) in &stripe.prices {
            if !plans.contains_key(plan) {
                let known: Vec<&str> = plans.keys().map(String::as_str).collect();
                return Err(format!(
                    "billing.stripe.prices.{price}: {plan:?} is not one of the configured plans: {}",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }
}
