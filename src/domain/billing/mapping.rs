//! Maps Stripe's statuses and prices to statuses and plans, and chooses among several subscriptions.

use super::history::{Collection, History, Present, Snapshot, StripeStatus};
use crate::base::config::{Config, PausedCollection};
use crate::base::policy::SubscriptionStatus;
use crate::base::time::Timestamp;
use crate::domain::subscriptions::SubscriptionChange;

/// The subscription of an organization, computed from all of its Stripe subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    status: SubscriptionStatus,
    plan: String,
    trial_ends_at: Option<Timestamp>,
    current_period_end: Option<Timestamp>,
    grace_ends_at: Option<Timestamp>,
}

/// The table of statuses. `None`: the subscription never began, so the organization keeps its present one, such as the
/// rest of its trial. Only `past_due` has grace: in `unpaid`, Stripe has given up.
fn status_of(status: StripeStatus) -> Option<SubscriptionStatus> {
    match status {
        StripeStatus::Trialing => Some(SubscriptionStatus::Trialing),
        StripeStatus::Active => Some(SubscriptionStatus::Active),
        StripeStatus::PastDue | StripeStatus::Unpaid => Some(SubscriptionStatus::PastDue),
        StripeStatus::Paused => Some(SubscriptionStatus::Expired),
        StripeStatus::Canceled => Some(SubscriptionStatus::Canceled),
        StripeStatus::Incomplete | StripeStatus::IncompleteExpired => None,
    }
}

/// The place of a status among several subscriptions: the highest counts.
fn worth(status: StripeStatus) -> u8 {
    match status {
        StripeStatus::Active => 4,
        StripeStatus::Trialing => 3,
        StripeStatus::PastDue => 2,
        StripeStatus::Unpaid | StripeStatus::Paused => 1,
        StripeStatus::Canceled | StripeStatus::Incomplete | StripeStatus::IncompleteExpired => 0,
    }
}

/// Returns the status of a subscription in view of its collection: an active or past-due one whose collection is paused
/// counts as paused, unless `billing.pause_collection` admits it. A trial has nothing to collect.
fn status_by_collection(config: &Config, present: &Present<'_>) -> StripeStatus {
    let paused = &config.billing.pause_collection;
    let treatment = match present.snapshot.collection {
        Collection::Automatic => return present.status,
        Collection::Void => paused.void,
        Collection::KeepAsDraft => paused.keep_as_draft,
        Collection::MarkUncollectible => paused.mark_uncollectible,
    };
    match (present.status, treatment) {
        (StripeStatus::Active | StripeStatus::PastDue, PausedCollection::Refuse) => StripeStatus::Paused,
        (status, _) => status,
    }
}

/// Returns the price of the highest plan among a version's prices, with that plan. `None` if no plan names any.
fn best_price<'c, 'h>(config: &'c Config, snapshot: &'h Snapshot) -> Option<(&'h str, &'c str)> {
    let plans = &config.billing.stripe.as_ref()?.prices;
    let named = snapshot.prices.iter().filter_map(|price| Some((price.as_str(), plans.get(price)?.as_str())));
    named.max_by_key(|(price, plan)| (config.rank(plan), *plan, snapshot.period_ends.get(*price)))
}

/// Returns the state by the best of an organization's Stripe subscriptions, which come with their ids. Those without a
/// price that a plan names don't count. The best is the one that is paid, then the one of the highest plan, then the
/// newest. `None` while none has begun.
pub fn paid<'h>(config: &Config, subscriptions: impl Iterator<Item = (&'h str, &'h History)>) -> Option<Paid> {
    let begun = subscriptions.filter_map(|(id, history)| {
        let mut present = history.present()?;
        present.status = status_by_collection(config, &present);
        let (price, plan) = best_price(config, present.snapshot)?;
        Some((status_of(present.status)?, present, price, plan, id))
    });
    let best = begun.max_by_key(|(_, present, _, plan, id)| {
        (worth(present.status), config.rank(plan), present.snapshot.subscribed_at, *id)
    });
    best.map(|(status, present, price, plan, _)| Paid::of(config, status, &present, price, plan))
}

/// A trial or a paid period lasts `billing.renewal_leeway` longer than at Stripe, because the event about its renewal
/// may still be on its way. A subscription that is canceled for that moment ends on time.
impl Paid {
    fn of(config: &Config, status: SubscriptionStatus, present: &Present<'_>, price: &str, plan: &str) -> Self {
        let snapshot = present.snapshot;
        let cancel_at = snapshot.cancel_at;
        let mut trial_end = snapshot.trial_end;
        let mut period_end = snapshot.period_ends.get(price).copied().or(snapshot.period_end);
        let end = match status {
            SubscriptionStatus::Trialing => &mut trial_end,
            _ => &mut period_end,
        };
        let ends_for_good = cancel_at.is_some_and(|at| end.is_none_or(|end| at <= end));
        if ends_for_good {
            *end = cancel_at;
        }
        let end = *end;
        let grace_ends_at = match present.status {
            StripeStatus::PastDue => {
                present.past_due_since.and_then(time).and_then(|since| config.billing.past_due_until(since))
            }
            StripeStatus::Trialing | StripeStatus::Active if !ends_for_good => {
                end.and_then(time).map(|end| end.plus(config.billing.renewal_leeway))
            }
            _ => None,
        };
        Self {
            status,
            // Not the previous plan: it would depend on the order of arrival.
            plan: plan.to_owned(),
            trial_ends_at: trial_end.and_then(time),
            current_period_end: period_end.and_then(time),
            grace_ends_at,
        }
    }

    pub fn change(&self, now: Timestamp) -> SubscriptionChange {
        SubscriptionChange {
            status: Some(self.status),
            plan: Some(self.plan.clone()),
            trial_ends_at: Some(self.trial_ends_at),
            current_period_end: Some(self.current_period_end),
            grace_ends_at: Some(self.grace_ends_at),
            updated_at: now,
        }
    }

    /// The state of an organization whose only subscription turned out to belong to another organization, or has no
    /// price any more that a plan names.
    pub fn nothing() -> Self {
        Self {
            status: SubscriptionStatus::Canceled,
            plan: Config::DEFAULT_PLAN.to_owned(),
            trial_ends_at: None,
            current_period_end: None,
            grace_ends_at: None,
        }
    }
}

/// Converts Stripe's seconds. `None` before 1970 and after the year 9999, which no row can store.
fn time(seconds: i64) -> Option<Timestamp> {
    (0..253_402_300_800).contains(&seconds).then(|| Timestamp::from_millis(seconds * 1000)).flatten()
}

#[cfg(test)]
mod tests;
