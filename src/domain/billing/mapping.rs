//! Maps Stripe's statuses and prices to statuses and plans, and chooses among several subscriptions.

use super::history::{Collection, History, Present, Snapshot, StripeStatus};
use crate::base::config::{Config, PausedCollection};
use crate::base::policy::SubscriptionStatus;
use crate::base::time::Timestamp;
use crate::domain::subscriptions::{Choice, LaterChoice, SubscriptionChange, Term};
use std::collections::BTreeSet;

/// The subscription of an organization, computed from all of its Stripe subscriptions: what counts at a moment, and the
/// choices that time makes afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    now: Choice,
    later: Vec<LaterChoice>,
}

/// A Stripe subscription that has begun and has a price that a plan names.
struct Candidate<'c, 'h> {
    id: &'h str,
    plan: &'c str,
    term: Term,
    /// Whether it is canceled for the end of its term.
    ends_for_good: bool,
    /// The creation of the subscription, in seconds since 1970.
    subscribed_at: i64,
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

impl<'c, 'h> Candidate<'c, 'h> {
    fn of(config: &'c Config, id: &'h str, history: &'h History) -> Option<Self> {
        let mut present = history.present()?;
        present.status = status_by_collection(config, &present);
        let (price, plan) = best_price(config, present.snapshot)?;
        let (term, ends_for_good) = term_of(config, status_of(present.status)?, &present, price);
        // Not the previous plan of the organization: it would depend on the order of arrival.
        Some(Self { id, plan, term, ends_for_good, subscribed_at: present.snapshot.subscribed_at })
    }

    /// The place among several subscriptions at a moment: the highest counts. Those that let API clients in come first.
    fn worth(&self, at: Timestamp) -> u8 {
        let state = self.term.at(at);
        match state.status {
            SubscriptionStatus::Active => 4,
            SubscriptionStatus::Trialing => 3,
            SubscriptionStatus::PastDue if state.admits => 2,
            SubscriptionStatus::Canceled => 0,
            SubscriptionStatus::Expired if self.ends_for_good => 0,
            SubscriptionStatus::PastDue | SubscriptionStatus::Expired => 1,
        }
    }

    fn choice(&self) -> Choice {
        Choice { plan: self.plan.to_owned(), term: self.term }
    }
}

/// Returns the term of a subscription, and whether it runs and is canceled for the end of its term.
///
/// A trial or a paid period lasts `billing.renewal_leeway` longer than at Stripe, because the event about its renewal
/// may still be on its way. A subscription that is canceled for that moment ends on time.
fn term_of(config: &Config, status: SubscriptionStatus, present: &Present<'_>, price: &str) -> (Term, bool) {
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
    let (trial_ends_at, current_period_end) = (trial_end.and_then(time), period_end.and_then(time));
    let is_running = matches!(status, SubscriptionStatus::Trialing | SubscriptionStatus::Active);
    (Term { status, trial_ends_at, current_period_end, grace_ends_at }, is_running && ends_for_good)
}

/// Returns the best of an organization's subscriptions at a moment: the one that is paid, then the one of the highest
/// plan, then the newest.
fn best<'a, 'c, 'h>(config: &Config, all: &'a [Candidate<'c, 'h>], at: Timestamp) -> Option<&'a Candidate<'c, 'h>> {
    all.iter().max_by_key(|one| (one.worth(at), config.rank(one.plan), one.subscribed_at, one.id))
}

/// Returns the state at `now` by the best of an organization's Stripe subscriptions, which come with their ids, and the
/// later choices. Those without a price that a plan names don't count. `None` while none has begun.
///
/// The best one changes only when time ends one that lets API clients in. So there is at most one later choice for each
/// subscription.
pub fn paid<'h>(
    config: &Config,
    subscriptions: impl Iterator<Item = (&'h str, &'h History)>,
    now: Timestamp,
) -> Option<Paid> {
    let all: Vec<Candidate<'_, '_>> =
        subscriptions.filter_map(|(id, history)| Candidate::of(config, id, history)).collect();
    let first = best(config, &all, now)?.choice();
    let ends: BTreeSet<Timestamp> = all.iter().filter_map(|one| one.term.ends_at()).filter(|end| *end > now).collect();
    let mut later: Vec<LaterChoice> = Vec::new();
    for from in ends {
        let Choice { plan, term } = best(config, &all, from)?.choice();
        let before = later.last().map_or((&first.plan, first.term), |choice| (&choice.plan, choice.term));
        if (&plan, term) != before {
            later.push(LaterChoice { from, plan, term });
        }
    }
    Some(Paid { now: first, later })
}

impl Paid {
    /// Returns the change that stores this state.
    pub fn change(self, now: Timestamp) -> SubscriptionChange {
        let Self { now: Choice { plan, term }, later } = self;
        SubscriptionChange {
            status: Some(term.status),
            plan: Some(plan),
            trial_ends_at: Some(term.trial_ends_at),
            current_period_end: Some(term.current_period_end),
            grace_ends_at: Some(term.grace_ends_at),
            later,
            updated_at: now,
        }
    }

    /// The state of an organization whose only subscription turned out to belong to another organization, or has no
    /// price any more that a plan names.
    pub fn nothing() -> Self {
        let status = SubscriptionStatus::Canceled;
        let term = Term { status, trial_ends_at: None, current_period_end: None, grace_ends_at: None };
        Self { now: Choice { plan: Config::DEFAULT_PLAN.to_owned(), term }, later: Vec::new() }
    }
}

/// Converts Stripe's seconds. `None` before 1970 and after the year 9999, which no row can store.
fn time(seconds: i64) -> Option<Timestamp> {
    (0..253_402_300_800).contains(&seconds).then(|| Timestamp::from_millis(seconds * 1000)).flatten()
}

#[cfg(test)]
mod tests;
