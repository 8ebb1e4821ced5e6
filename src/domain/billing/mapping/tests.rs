//! The best of several subscriptions, against a model.

use super::*;
use crate::base::config::{Plan, Secret, Sources, StripeSettings, load};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::LazyLock;

use StripeStatus::{Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid};

const PLANS: [&str; 3] = ["basic", "pro", "team"];
/// The prices of the plans, and one that no plan names.
const PRICES: [&str; 4] = ["price_basic", "price_pro", "price_team", "price_foreign"];

/// A subscription: its status, its collection, its prices, and when it was made.
type Case = (StripeStatus, Collection, Vec<&'static str>, i64);

static CONFIG: LazyLock<Config> = LazyLock::new(config);

fn config() -> Config {
    let sources = Sources { database_url: Some("sqlite:///nowhere/keyward.db".to_owned()), ..Sources::default() };
    let mut config = load(&sources).unwrap();
    let prices = PLANS.iter().zip(PRICES).map(|(plan, price)| (price.to_owned(), (*plan).to_owned()));
    config.billing.stripe = Some(StripeSettings { webhook_secrets: Secret::new(Vec::new()), prices: prices.collect() });
    config.billing.pause_collection.void = PausedCollection::Admit;
    let free = config.plan("free");
    for (name, rank) in PLANS.iter().zip([7, 30, 31]) {
        config.plans.insert((*name).to_owned(), Plan { rank: Some(rank), ..free });
    }
    config
}

fn history((status, collection, prices, subscribed_at): &Case) -> History {
    let mut history = History::default();
    history.learn(Snapshot {
        created: 10,
        event: "evt_1".to_owned(),
        is_first: false,
        status: *status,
        replaced_status: None,
        prices: prices.iter().map(|price| (*price).to_owned()).collect(),
        replaced_prices: None,
        period_end: Some(1_000),
        trial_end: Some(500),
        cancel_at: None,
        latest_invoice: None,
        organization: None,
        subscribed_at: *subscribed_at,
        period_ends: prices.iter().map(|price| ((*price).to_owned(), 1_000)).collect(),
        collection: *collection,
        replaced_collection: None,
    });
    history
}

/// The plan and the status that count.
fn model(cases: &[Case]) -> Option<(&'static str, SubscriptionStatus)> {
    let score = |(status, collection, prices, subscribed_at): &Case| {
        let plan = PLANS.iter().rposition(|plan| prices.iter().any(|price| price[6..] == **plan))?;
        let is_collected = matches!(collection, Collection::Automatic | Collection::Void);
        let status = if is_collected || !matches!(status, Active | PastDue) { *status } else { Paused };
        let order = [Canceled, Paused, Unpaid, PastDue, Trialing, Active];
        let place = order.iter().position(|one| *one == status)?;
        Some(([0, 1, 1, 2, 3, 4][place], plan, *subscribed_at, status))
    };
    let (_, plan, _, status) = cases.iter().filter_map(score).max_by_key(|(able, plan, at, _)| (*able, *plan, *at))?;
    Some((PLANS[plan], status_of(status)?))
}

fn any_cases() -> impl Strategy<Value = Vec<Case>> {
    let statuses = [Trialing, Active, Incomplete, PastDue, Unpaid, Paused, IncompleteExpired, Canceled];
    let collections = [Collection::Automatic, Collection::Void, Collection::KeepAsDraft, Collection::MarkUncollectible];
    let prices = subsequence(PRICES.to_vec(), 0..=PRICES.len()).prop_shuffle();
    let case = (select(statuses.to_vec()), select(collections.to_vec()), prices);
    proptest::collection::vec(case, 0..6).prop_flat_map(|cases| {
        let made = Just((0..6_i64).collect::<Vec<_>>()).prop_shuffle();
        (Just(cases), made).prop_map(|(cases, made)| {
            cases.into_iter().zip(made).map(|((status, pause, prices), made)| (status, pause, prices, made)).collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_best_subscription_is_the_models(cases in any_cases()) {
        let histories: Vec<(String, History)> =
            cases.iter().enumerate().map(|(place, case)| (format!("sub_{place}"), history(case))).collect();
        let paid = paid(&CONFIG, histories.iter().map(|(id, history)| (id.as_str(), history)));
        prop_assert_eq!(paid.as_ref().map(|paid| (paid.plan.as_str(), paid.status)), model(&cases));
    }
}

#[test]
fn the_period_is_that_of_the_price_that_counts() {
    let mut case = history(&(Active, Collection::Automatic, vec!["price_pro", "price_foreign"], 1));
    let mut version = case.present().unwrap().snapshot.clone();
    version.event = "evt_2".to_owned();
    version.created = 11;
    version.period_ends = [("price_pro".to_owned(), 600), ("price_foreign".to_owned(), 9_000)].into();
    version.period_end = Some(9_000);
    case.learn(version);
    let paid = paid(&CONFIG, [("sub_1", &case)].into_iter()).unwrap();
    assert_eq!(paid.current_period_end, time(600));
}
