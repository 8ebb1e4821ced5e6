//! What Stripe says is what the gate does, as soon as it was answered.

use super::stripe::{self, PRO, invoice, outcome, send, shown, subscription, tie, updated};
use crate::support::database::TestDatabase;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, process, tests};
use keyward::domain::audit::{Export, Filter};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    each_status_of_stripes_is_one_of_ours,
    a_price_is_a_plan_and_one_that_no_plan_names_is_the_end_of_it,
    invoices_count_until_the_subscription_says_it_itself,
    a_change_counts_on_every_node_when_it_was_answered,
    a_change_is_in_the_audit_trail_as_billings,
    events_of_other_types_are_answered_and_counted,
    the_operators_word_stands_until_stripe_has_something_new,
];

async fn each_status_of_stripes_is_one_of_ours(db: Backend) {
    let server = stripe::server(db).await;
    let now = server.clock.now().seconds();
    let rows = [
        ("trialing", "trialing", 200),
        ("active", "active", 200),
        ("past_due", "past_due", 403),
        ("unpaid", "past_due", 403),
        ("paused", "expired", 403),
        ("canceled", "canceled", 403),
        // It never began, so the organization's own trial goes on.
        ("incomplete", "trialing", 200),
        ("incomplete_expired", "trialing", 200),
    ];
    for (number, (status, ours, expected)) in rows.into_iter().enumerate() {
        let tenant = Tenant::new(&server).await;
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        let mut object = subscription(&format!("sub_{number}"), status, now);
        object["customer"] = json!(format!("cus_{number}"));
        object["metadata"] = json!({ "organization_id": tenant.organization_id });
        let number = u32::try_from(number).expect("few");
        send(&server, &updated(number, now, object)).await.expect(200);
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(expected);
        assert_eq!(shown(&server, &tenant).await["status"], ours, "{status}");
    }
    let mut deleted = subscription("sub_1", "active", now);
    deleted["customer"] = json!("cus_1");
    let event = stripe::event("evt_deleted", "customer.subscription.deleted", now, deleted);
    assert_eq!(outcome(&server, &event).await, "applied", "deleted is over, whatever the status says");
}

async fn a_price_is_a_plan_and_one_that_no_plan_names_is_the_end_of_it(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let steps = [(1, PRO, "pro", "active"), (2, "price_nobody_knows", "free", "canceled"), (3, PRO, "pro", "active")];
    for (number, price, plan, status) in steps {
        let mut object = subscription("sub_1", "active", now);
        object["items"]["data"][0]["price"]["id"] = json!(price);
        assert_eq!(outcome(&server, &updated(number, now + i64::from(number), object)).await, "applied");
        let shown = shown(&server, &tenant).await;
        assert_eq!((&shown["plan"], &shown["status"]), (&json!(plan), &json!(status)));
        assert_eq!((shown["trialEndsAt"].is_null(), shown["currentPeriodEnd"].is_string()), (true, price == PRO));
    }
}

async fn invoices_count_until_the_subscription_says_it_itself(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let steps = [
        (updated(1, now, subscription("sub_1", "active", now)), 200),
        (invoice("evt_2", "invoice.payment_failed", now + 1), 403),
        (invoice("evt_3", "invoice.paid", now + 2), 200),
        (updated(4, now + 3, subscription("sub_1", "past_due", now)), 403),
        (invoice("evt_5", "invoice.paid", now + 2), 403),
        (invoice("evt_6", "invoice.paid", now + 4), 200),
        (updated(7, now + 4, subscription("sub_1", "active", now)), 200),
    ];
    for (event, expected) in steps {
        send(&server, &event).await.expect(200);
        let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
        assert_eq!(answer.status, expected, "after {event}");
    }
    let of_nobody = json!({ "id": "in_9", "customer": "cus_1", "parent": null });
    assert_eq!(outcome(&server, &stripe::event("evt_8", "invoice.paid", now, of_nobody)).await, "ignored");
}

async fn a_change_counts_on_every_node_when_it_was_answered(db: Backend) {
    let server = stripe::server(db).await;
    let other = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    for round in 0..6 {
        let (status, expected) = if round % 2 == 0 { ("past_due", 403) } else { ("active", 200) };
        send(&server, &updated(round, now + i64::from(round), subscription("sub_1", status, now))).await.expect(200);
        for node in [&other, &server] {
            node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(expected);
        }
    }
}

/// The last event of the organization's trail.
fn last_event(database: &TestDatabase, organization: &str) -> Value {
    let mut conn = database.connect();
    let id = organization.parse().expect("an organization's id");
    let mut export = Export::start(&mut conn, id, Filter::default()).expect("readable").expect("a trail");
    let mut last = Value::Null;
    while let Some(batch) = export.next(&mut conn).expect("readable") {
        let text = String::from_utf8(batch).expect("UTF-8");
        last = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    }
    last
}

async fn a_change_is_in_the_audit_trail_as_billings(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    send(&server, &updated(7, now, subscription("sub_1", "active", now))).await.expect(200);
    let event = last_event(&server.database, &tenant.organization_id);
    assert_eq!(event["action"], "subscription.changed");
    assert_eq!(event["actor"], json!({ "kind": "billing", "id": "evt_7", "name": null, "email": null }));
    assert_eq!(event["before"]["status"], "trialing");
    assert_eq!((&event["after"]["status"], &event["after"]["plan"]), (&json!("active"), &json!("pro")));
    assert!(event["requestId"].is_string(), "{event}");
}

async fn events_of_other_types_are_answered_and_counted(db: Backend) {
    let server = Server::with(db, |config| {
        stripe::configure(config);
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let before = dump(&server.database);
    let now = server.clock.now().seconds();
    let object = json!({ "object": "payment_intent", "id": "pi_1" });
    for id in ["evt_1", "evt_1", "evt_2"] {
        let event = stripe::event(id, "payment_intent.succeeded", now, object.clone());
        assert_eq!(outcome(&server, &event).await, "ignored");
    }
    assert_unchanged(&before, &server.database);
    server.post(stripe::PATH).json(json!({})).send().await.expect(400);
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let address = server.metrics_address().expect("a listener");
    let request = client.get(format!("http://{address}/metrics")).header("connection", "close");
    let text = request.send().await.expect("an answer").text().await.expect("a text");
    for line in [
        "keyward_billing_webhooks_total{outcome=\"ignored\"} 3",
        "keyward_billing_webhooks_total{outcome=\"refused\"} 1",
        "keyward_billing_webhooks_total{outcome=\"applied\"} 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

async fn the_operators_word_stands_until_stripe_has_something_new(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    send(&server, &updated(2, now, subscription("sub_1", "past_due", now))).await.expect(200);
    process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", "active"]).await;
    let mut renamed = subscription("sub_1", "past_due", now);
    renamed["description"] = json!("nothing that matters");
    assert_eq!(outcome(&server, &updated(3, now + 1, renamed)).await, "unchanged");
    assert_eq!(shown(&server, &tenant).await["status"], "active");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(outcome(&server, &updated(4, now + 2, subscription("sub_1", "unpaid", now))).await, "unchanged");
    assert_eq!(outcome(&server, &updated(5, now + 3, subscription("sub_1", "paused", now))).await, "applied");
    assert_eq!(shown(&server, &tenant).await["status"], "expired");
}
