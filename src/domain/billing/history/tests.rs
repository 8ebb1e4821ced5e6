//! The order of arrival makes no difference, and the present state is Stripe's.

use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use StripeStatus::{Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid};

const ALL: [StripeStatus; 8] = [Trialing, Active, Incomplete, PastDue, Unpaid, Paused, IncompleteExpired, Canceled];

fn version(created: i64, status: StripeStatus) -> Snapshot {
    Snapshot {
        created,
        event: format!("evt_{created}_{status}"),
        is_first: false,
        status,
        replaced_status: None,
        prices: vec!["price_pro".to_owned()],
        replaced_prices: None,
        period_end: Some(created + 1000),
        trial_end: None,
        cancel_at: None,
        latest_invoice: Some("in_1".to_owned()),
        organization: None,
        subscribed_at: 1,
        period_ends: std::collections::BTreeMap::new(),
        collection: Collection::Automatic,
        replaced_collection: None,
    }
}

fn invoice(created: i64, invoice: &str, is_paid: bool) -> InvoiceNews {
    InvoiceNews { invoice: invoice.to_owned(), created, is_paid, event: format!("evt_{created}_{invoice}_{is_paid}") }
}

#[derive(Clone, Debug)]
enum Told {
    Version(Snapshot),
    Invoice(InvoiceNews),
}

fn history(events: &[Told]) -> History {
    let mut history = History::default();
    for event in events {
        match event.clone() {
            Told::Version(version) => history.learn(version),
            Told::Invoice(news) => history.hear(news),
        }
    }
    history
}

fn versions(versions: &[Snapshot]) -> History {
    history(&versions.iter().cloned().map(Told::Version).collect::<Vec<_>>())
}

/// Any event, within a few seconds, so that many events share a second.
fn any_event() -> impl Strategy<Value = Told> {
    let status = || select(&ALL[..]);
    let of_version = (0..6_i64, 0..1000_u32, any::<bool>(), status(), proptest::option::of(status()), 0..3_u8, 0..2_u8);
    let of_version = of_version.prop_map(|(created, number, is_first, status, replaced_status, price, latest)| {
        Told::Version(Snapshot {
            event: format!("evt_{created}_{number}"),
            is_first,
            replaced_status,
            prices: vec![format!("price_{price}")],
            replaced_prices: (price == 2).then(|| vec!["price_1".to_owned()]),
            latest_invoice: Some(format!("in_{latest}")),
            ..version(created, status)
        })
    });
    let of_invoice = (0..6_i64, 0..2_u8, any::<bool>());
    let of_invoice = of_invoice
        .prop_map(|(created, number, is_paid)| Told::Invoice(invoice(created, &format!("in_{number}"), is_paid)));
    prop_oneof![3 => of_version, 1 => of_invoice]
}

/// Events with distinct ids.
fn any_events() -> impl Strategy<Value = Vec<Told>> {
    proptest::collection::vec(any_event(), 1..12).prop_map(|mut events| {
        let mut seen = std::collections::BTreeSet::new();
        events.retain(|event| {
            seen.insert(match event {
                Told::Version(version) => version.event.clone(),
                Told::Invoice(news) => news.event.clone(),
            })
        });
        events
    })
}

/// The same events, some of them twice, in any order.
fn shuffled(events: Vec<Told>) -> impl Strategy<Value = (Vec<Told>, Vec<Told>)> {
    let again = subsequence(events.clone(), 0..=events.len());
    (Just(events.clone()), again).prop_flat_map(|(events, again)| {
        let all = [events.clone(), again].concat();
        (Just(events), Just(all).prop_shuffle())
    })
}

/// The events of one subscription at Stripe: each step replaces the status before it, in the same second or later.
fn any_life() -> impl Strategy<Value = Vec<Told>> {
    let step = (0..3_i64, select(&[Trialing, Active, PastDue, Unpaid, Paused][..]));
    (select(&[Incomplete, Trialing, Active][..]), proptest::collection::vec(step, 0..8), any::<bool>()).prop_map(
        |(first, steps, ends)| {
            let mut last = Snapshot { is_first: true, event: "evt_0".to_owned(), ..version(100, first) };
            let mut seen = std::collections::BTreeSet::from([(100, first)]);
            let mut events = vec![Told::Version(last.clone())];
            let ending = ends.then_some((0, Canceled));
            for (number, (later, status)) in steps.into_iter().chain(ending).enumerate() {
                if status == last.status {
                    continue;
                }
                let created = last.created + later;
                // A change and its reversal within one second have no recognizable order.
                let created = if seen.contains(&(created, status)) { created + 1 } else { created };
                if created > last.created {
                    seen.insert((created, last.status));
                }
                seen.insert((created, status));
                let event = format!("evt_{}", 1000 - number);
                last = Snapshot { event, replaced_status: Some(last.status), ..version(created, status) };
                events.push(Told::Version(last.clone()));
            }
            events
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_order_and_no_repetition_makes_a_difference((events, arrived) in any_events().prop_flat_map(shuffled)) {
        prop_assert_eq!(history(&events), history(&arrived));
    }

    #[test]
    fn what_is_stored_and_read_again_is_the_same(events in any_events()) {
        let one = history(&events);
        let text = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(serde_json::from_str::<History>(&text).unwrap(), one);
    }

    #[test]
    fn the_last_step_of_a_life_counts_in_whatever_order_it_is_told((events, arrived) in any_life().prop_flat_map(shuffled)) {
        let Some(Told::Version(last)) = events.last() else { unreachable!("a life has versions") };
        let told = history(&arrived);
        let present = told.present().unwrap();
        prop_assert_eq!(&present.snapshot.event, &last.event);
        prop_assert_eq!(present.status, last.status);
        if last.status == PastDue {
            prop_assert_eq!(present.past_due_since, Some(last.created));
        }
    }
}

#[test]
fn what_ended_stays_so_whatever_is_dated_later() {
    let history = versions(&[version(5, Canceled), version(9, Active)]);
    assert_eq!(history.present().unwrap().status, Canceled);
}

#[test]
fn it_is_past_due_since_the_first_of_the_past_due_versions_however_late_that_arrives() {
    let all = [version(10, Active), version(20, PastDue), version(30, PastDue), version(40, PastDue)];
    for start in 0..all.len() {
        let mut turned = all.to_vec();
        turned.rotate_left(start);
        assert_eq!(versions(&turned).present().unwrap().past_due_since, Some(20), "from {start}");
    }
    let paid_once = [&all[..], &[version(35, Active)]].concat();
    assert_eq!(versions(&paid_once).present().unwrap().past_due_since, Some(40));
    assert_eq!(versions(&all[1..]).present().unwrap().past_due_since, Some(20), "without a version before");
}

#[test]
fn of_one_second_the_one_that_names_the_other_as_replaced_is_newer() {
    let upgraded = Snapshot {
        event: "evt_a".to_owned(),
        prices: vec!["price_team".to_owned()],
        replaced_prices: Some(vec!["price_pro".to_owned()]),
        ..version(10, Active)
    };
    let present = versions(&[version(10, Active), upgraded.clone()]);
    assert_eq!(present.present().unwrap().snapshot.prices, upgraded.prices);
    let recovered = Snapshot { replaced_status: Some(PastDue), ..version(10, Active) };
    assert_eq!(versions(&[recovered, version(10, PastDue)]).present().unwrap().status, Active);
    // Neither names the other as replaced, so the version with less access counts.
    assert_eq!(versions(&[version(10, Active), version(10, PastDue)]).present().unwrap().status, PastDue);
}

#[test]
fn an_invoice_counts_while_it_is_newer_and_the_latest() {
    let with = |status, news: InvoiceNews| {
        let told = history(&[Told::Invoice(news), Told::Version(version(10, status))]);
        let present = told.present().unwrap();
        (present.status, present.past_due_since)
    };
    for status in [Incomplete, PastDue, Unpaid] {
        assert_eq!(with(status, invoice(11, "in_1", true)).0, Active, "{status}");
    }
    assert_eq!(with(Active, invoice(11, "in_1", false)), (PastDue, Some(11)));
    assert_eq!(with(Active, invoice(10, "in_1", false)), (Active, None), "the version is as new");
    assert_eq!(with(Active, invoice(11, "in_2", false)), (Active, None), "another invoice");
    assert_eq!(with(Incomplete, invoice(11, "in_1", false)).0, Incomplete);
    assert_eq!(with(Canceled, invoice(11, "in_1", true)).0, Canceled);
    assert_eq!(with(Trialing, invoice(11, "in_1", true)).0, Trialing);
}

#[test]
fn only_what_can_matter_is_kept() {
    let mut history = History::default();
    for second in 0..100 {
        history.learn(version(second, Active));
        history.hear(invoice(second, "in_1", true));
    }
    assert_eq!((history.snapshots.len(), history.invoices.len()), (1, 0));
}
