//! Events in any order, more than once and at once. The rule itself is tested over thousands of sequences in
//! `src/billing/history/tests.rs`; here some of them go over HTTP.

use super::stripe::{self, deliver, invoice, outcome, send, session, shown, subscription, updated};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    an_event_that_comes_again_changes_nothing,
    every_order_of_a_life_ends_alike,
    parallel_deliveries_end_right,
    parallel_customers_of_one_organization_end_right,
    old_ids_of_events_are_pruned,
];

async fn an_event_that_comes_again_changes_nothing(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let now = server.clock.now().seconds();
    let events = [
        session("evt_1", now, &tenant.organization_id, "sub_1"),
        updated(2, now, subscription("sub_1", "active", now)),
        updated(3, now + 1, subscription("sub_1", "past_due", now)),
        invoice("evt_4", "invoice.paid", now + 2),
    ];
    for event in &events {
        send(&server, event).await.expect(200);
    }
    // Sooner, a second delivery waits as the first may still do.
    server.clock.advance(Duration::from_secs(61));
    let before = dump(&server.database);
    for event in events.iter().rev().chain(&events) {
        assert_eq!(outcome(&server, event).await, "duplicate");
    }
    assert_unchanged(&before, &server.database);
    // Long after its id was forgotten, and so with another one.
    let mut again = events[2].clone();
    again["id"] = json!("evt_3_again");
    assert_eq!(outcome(&server, &again).await, "unchanged");
    assert_eq!(shown(&server, &tenant).await["status"], "active");
}

/// The life of a subscription, from checkout to a payment that came late.
fn life(now: i64, tenant: &Tenant<'_>) -> Vec<Value> {
    let mut first = subscription("sub_1", "incomplete", now);
    first["latest_invoice"] = Value::Null;
    let mut activated = updated(2, now, subscription("sub_1", "active", now));
    activated["data"]["previous_attributes"] = json!({ "status": "incomplete", "latest_invoice": null });
    vec![
        stripe::event("evt_1", "customer.subscription.created", now, first),
        activated,
        session("evt_3", now + 2, &tenant.organization_id, "sub_1"),
        updated(4, now + 100, subscription("sub_1", "past_due", now)),
        invoice("evt_5", "invoice.payment_failed", now + 100),
        invoice("evt_6", "invoice.paid", now + 200),
    ]
}

async fn every_order_of_a_life_ends_alike(db: Backend) {
    let server = stripe::server(db).await;
    let now = server.clock.now().seconds();
    let mut ends = Vec::new();
    for round in 0..8_usize {
        let tenant = Tenant::new(&server).await;
        let mut events = life(now, &tenant);
        // Some of the orders, each from another start, forwards or backwards, with a repetition.
        events.rotate_left(round % 6);
        if round % 2 == 1 {
            events.reverse();
        }
        events.push(events[round % 3].clone());
        for event in events {
            // Each tenant has its own customer, subscription and events.
            let own = event.to_string().replace("\"evt_", &format!("\"evt_{round}_"));
            let own = own.replace("cus_1", &format!("cus_{round}")).replace("sub_1", &format!("sub_{round}"));
            send(&server, &serde_json::from_str(&own).expect("JSON")).await.expect(200);
        }
        ends.push(shown(&server, &tenant).await);
    }
    assert_eq!((&ends[0]["status"], &ends[0]["plan"]), (&json!("active"), &json!("pro")));
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
}

async fn parallel_deliveries_end_right(db: Backend) {
    let server = stripe::server(db).await;
    let other = server.another(|_| {}).await;
    for round in 0..3 {
        let tenant = Tenant::new(&server).await;
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        let now = server.clock.now().seconds();
        let mut events = life(now, &tenant);
        events.push(updated(9, now + 300, subscription("sub_1", "canceled", now)));
        let texts = events.iter().map(|event| {
            let own = event.to_string().replace("\"evt_", &format!("\"evt_{round}_"));
            own.replace("cus_1", &format!("cus_{round}")).replace("sub_1", &format!("sub_{round}"))
        });
        let events: Vec<Value> = texts.map(|text| serde_json::from_str(&text).expect("JSON")).collect();
        // Each twice, at both nodes at once; as Stripe does, what was not taken is sent again.
        let deliveries = events.iter().flat_map(|event| {
            [&server, &other].map(|node| async move { while deliver(node, now, event).await.status != 200 {} })
        });
        join_all(deliveries).await;
        for node in [&server, &other] {
            node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
        }
        assert_eq!(shown(&server, &tenant).await["status"], "canceled");
    }
}

async fn parallel_customers_of_one_organization_end_right(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let now = server.clock.now().seconds();
    let event = |number: u32, status: &str, later: i64| {
        let mut object = subscription(&format!("sub_{number}"), status, now);
        object["customer"] = json!(format!("cus_{number}"));
        object["metadata"] = json!({ "organization_id": tenant.organization_id });
        updated(number + 100 * u32::try_from(later).expect("small"), now + later, object)
    };
    for number in 0..4 {
        send(&server, &event(number, "active", 1)).await.expect(200);
    }
    let ends: Vec<Value> = (0..4).map(|number| event(number, "canceled", 2)).collect();
    join_all(ends.iter().map(|event| async { while send(&server, event).await.status != 200 {} })).await;
    assert_eq!(shown(&server, &tenant).await["status"], "canceled");
}

async fn old_ids_of_events_are_pruned(db: Backend) {
    let server = stripe::server(db).await;
    let at = |server: &Server| server.clock.now().seconds();
    send(&server, &updated(1, at(&server), subscription("sub_1", "active", at(&server)))).await.expect(200);
    server.clock.advance(Duration::from_secs(36 * 86_400));
    send(&server, &updated(2, at(&server), subscription("sub_1", "active", at(&server)))).await.expect(200);
    let left = dump(&server.database)["stripe_events"].clone();
    assert!(left.contains("evt_2") && !left.contains("evt_1"), "{left}");
    assert!(dump(&server.database)["stripe_subscriptions"].contains("sub_1"));
}
