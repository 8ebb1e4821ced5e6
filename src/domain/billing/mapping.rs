//! Maps Stripe's statuses and prices to statuses and plans, and chooses among several subscriptions.

use super::history::{History, Present, StripeStatus};
use crate::base::config::Config;
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
    /// None of the prices is in `billing.stripe.prices`.
    pub has_only_unknown_prices: bool,
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

/// The rank of a status among several subscriptions: the highest counts.
fn worth(status: StripeStatus) -> u8 {
    match status {
        StripeStatus::Trialing | StripeStatus::Active => 3,
        StripeStatus::PastDue => 2,
        StripeStatus::Unpaid | StripeStatus::Paused => 1,
        StripeStatus::Canceled | StripeStatus::Incomplete | StripeStatus::IncompleteExpired => 0,
    }
}

/// Returns the state by the best of an organization's Stripe subscriptions, which come with their ids; of equally good
/// ones, by the newest. `None` while none has begun.
pub fn paid<'h>(config: &Config, subscriptions: impl Iterator<Item = (&'h str, &'h History)>) -> Option<Paid> {
    let begun = subscriptions.filter_map(|(id, history)| {
        let present = history.present()?;
        Some((status_of(present.status)?, present, id))
    });
    let best = begun.max_by_key(|(_, present, id)| (worth(present.status), present.snapshot.subscribed_at, *id));
    best.map(|(status, present, _)| Paid::of(config, status, &present))
}

/// A trial or a paid period lasts `billing.renewal_leeway` longer than at Stripe, because the event about its renewal
/// may still be on its way. A subscription that is canceled for that moment ends on time.
impl Paid {
    fn of(config: &Config, status: SubscriptionStatus, present: &Present<'_>) -> Self {
        let prices = config.billing.stripe.as_ref().map(|stripe| &stripe.prices);
        let snapshot = present.snapshot;
        let plan = prices.and_then(|prices| snapshot.prices.iter().find_map(|price| prices.get(price)));
        let cancel_at = snapshot.cancel_at;
        let (mut trial_end, mut period_end) = (snapshot.trial_end, snapshot.period_end);
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
            plan: plan.map_or(Config::DEFAULT_PLAN, String::as_str).to_owned(),
            trial_ends_at: trial_end.and_then(time),
            current_period_end: period_end.and_then(time),
            grace_ends_at,
            has_only_unknown_prices: plan.is_none(),
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

    /// The state of an organization whose only subscription turned out to belong to another organization.
    pub fn nothing() -> Self {
        Self {
            status: SubscriptionStatus::Canceled,
            plan: Config::DEFAULT_PLAN.to_owned(),
            trial_ends_at: None,
            current_period_end: None,
            grace_ends_at: None,
            has_only_unknown_prices: false,
        }
    }
}

/// Converts Stripe's seconds. `None` before 1970 and after the year 9999, which no row can store.
fn time(seconds: i64) -> Option<Timestamp> {
    (0..253_402_300_800).contains(&seconds).then(|| Timestamp::from_millis(seconds * 1000)).flatten()
}
