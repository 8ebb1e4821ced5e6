//! The best of several subscriptions, against a model.

use super::*;
use crate::base::config::{Plan, Secret, Sources, StripeSettings, load};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::LazyLock;
use std::time::Duration;

use StripeStatus::{Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid};
use SubscriptionStatus::Expired;

const PLANS: [&str; 3] = ["basic", "pro", "team"];
/// The prices of the plans, and one that no plan names.
const PRICES: [&str; 4] = ["price_basic", "price_pro", "price_team", "price_foreign"];

/// A subscription: its status, its collection, its prices, when its term ends and when it is canceled, if so, and when it
/// was made. Times are in seconds.
type Case = (StripeStatus, Collection, Vec<&'static str>, (i64, Option<i64>), i64);

/// In seconds.
const LEEWAY: i64 = 60;
const GRACE: i64 = 150;

static CONFIG: LazyLock<Config> = LazyLock::new(config);

fn config() -> Config {
    let sources = Sources { database_url: Some("sqlite:///nowhere/keyward.db".to_owned()), ..Sources::default() };
    let mut config = load(&sources).unwrap();
    let prices = PLANS.iter().zip(PRICES).map(|(plan, price)| (price.to_owned(), (*plan).to_owned()));
    config.billing.stripe = Some(StripeSettings { webhook_secrets: Secret::new(Vec::new()), prices: prices.collect() });
    config.billing.renewal_leeway = Duration::from_secs(60);
    config.billing.past_due_grace = Duration::from_secs(150);
    config.billing.pause_collection.void = PausedCollection::Admit;
    let free = config.plan("free");
    for (name, rank) in PLANS.iter().zip([7, 30, 31]) {
        config.plans.insert((*name).to_owned(), Plan { rank: Some(rank), ..free });
    }
    config
}

fn history((status, collection, prices, (end, cancel_at), subscribed_at): &Case) -> History {
    let mut history = History::default();
    history.learn(Snapshot {
        created: 10,
        event: "evt_1".to_owned(),
        is_first: false,
        status: *status,
        replaced_status: None,
        prices: prices.iter().map(|price| (*price).to_owned()).collect(),
        replaced_prices: None,
        period_end: Some(*end),
        trial_end: Some(*end),
        cancel_at: *cancel_at,
        latest_invoice: None,
        organization: None,
        subscribed_at: *subscribed_at,
        period_ends: prices.iter().map(|price| ((*price).to_owned(), *end)).collect(),
        collection: *collection,
        replaced_collection: None,
    });
    history
}

/// The plan and the status that count at a moment, in seconds.
fn model(cases: &[Case], now: i64) -> Option<(&'static str, SubscriptionStatus)> {
    let score = |(status, collection, prices, (end, cancel_at), subscribed_at): &Case| {
        let plan = PLANS.iter().rposition(|plan| prices.iter().any(|price| price[6..] == **plan))?;
        let is_collected = matches!(collection, Collection::Automatic | Collection::Void);
        let status = if is_collected || !matches!(status, Active | PastDue) { *status } else { Paused };
        let is_canceled = cancel_at.is_some_and(|at| at <= *end);
        let is_over = match status {
            Active | Trialing if is_canceled => cancel_at.is_some_and(|at| at <= now),
            Active | Trialing => *end + LEEWAY <= now,
            PastDue => 10 + GRACE <= now,
            _ => true,
        };
        let able = match (status, is_over) {
            (Active, false) => 4,
            (Trialing, false) => 3,
            (PastDue, false) => 2,
            (PastDue | Unpaid | Paused, _) => 1,
            (Active | Trialing, true) => u8::from(!is_canceled),
            _ => 0,
        };
        let shown = if is_over && matches!(status, Active | Trialing) { Expired } else { status_of(status)? };
        Some((able, plan, *subscribed_at, shown))
    };
    let (_, plan, _, status) = cases.iter().filter_map(score).max_by_key(|(able, plan, at, _)| (*able, *plan, *at))?;
    Some((PLANS[plan], status))
}

fn any_cases() -> impl Strategy<Value = Vec<Case>> {
    let statuses = [Trialing, Active, Incomplete, PastDue, Unpaid, Paused, IncompleteExpired, Canceled];
    let collections = [Collection::Automatic, Collection::Void, Collection::KeepAsDraft, Collection::MarkUncollectible];
    let prices = subsequence(PRICES.to_vec(), 0..=PRICES.len()).prop_shuffle();
    let times = (20..400_i64, proptest::option::of(20..400_i64));
    let case = (select(statuses.to_vec()), select(collections.to_vec()), prices, times);
    proptest::collection::vec(case, 0..6).prop_flat_map(|cases| {
        let made = Just((0..6_i64).collect::<Vec<_>>()).prop_shuffle();
        (Just(cases), made).prop_map(|(cases, made)| {
            let made = cases.into_iter().zip(made);
            made.map(|((status, pause, prices, times), made)| (status, pause, prices, times, made)).collect()
        })
    })
}

/// What the state that was computed at its moment says of a later one.
fn at(paid: &Paid, now: Timestamp) -> (&str, SubscriptionStatus) {
    let passed = paid.later.iter().rfind(|choice| choice.from <= now);
    let (plan, term) = passed.map_or((&paid.now.plan, &paid.now.term), |choice| (&choice.plan, &choice.term));
    (plan, term.at(now).status)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_best_subscription_is_the_models_at_every_moment(cases in any_cases(), begin in 10..600_i64) {
        let histories: Vec<(String, History)> =
            cases.iter().enumerate().map(|(place, case)| (format!("sub_{place}"), history(case))).collect();
        let all = || histories.iter().map(|(id, history)| (id.as_str(), history));
        let first = paid(&CONFIG, all(), time(begin).unwrap());
        prop_assert!(first.as_ref().is_none_or(|paid| paid.later.len() <= cases.len()));
        for now in begin..700 {
            let moment = time(now).unwrap();
            prop_assert_eq!(first.as_ref().map(|paid| at(paid, moment)), model(&cases, now), "at {}", now);
            // Until the last millisecond it is as it was.
            let before = moment.minus(Duration::from_millis(1));
            if now > begin {
                prop_assert_eq!(first.as_ref().map(|paid| at(paid, before)), model(&cases, now - 1));
            }
        }
        // The moment at which it is computed makes no difference later.
        let again = paid(&CONFIG, all(), time(650).unwrap());
        prop_assert_eq!(first.map(|paid| at(&paid, time(650).unwrap()).0.to_owned()), again.map(|paid| paid.now.plan));
    }
}

#[test]
fn the_period_is_that_of_the_price_that_counts() {
    let mut case = history(&(Active, Collection::Automatic, vec!["price_pro", "price_foreign"], (1_000, None), 1));
    let mut version = case.present().unwrap().snapshot.clone();
    version.event = "evt_2".to_owned();
    version.created = 11;
    version.period_ends = [("price_pro".to_owned(), 600), ("price_foreign".to_owned(), 9_000)].into();
    version.period_end = Some(9_000);
    case.learn(version);
    let paid = paid(&CONFIG, [("sub_1", &case)].into_iter(), time(20).unwrap()).unwrap();
    assert_eq!(paid.now.term.current_period_end, time(600));
}
