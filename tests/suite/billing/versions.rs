//! Events of other API versions count where their shape says what is meant. Others are answered, counted and logged
//! once, and change nothing.

use super::stripe::{self, event, outcome, send, shown, subscription, tie, updated};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, log, npm, tests};
use serde_json::{Value, json};
use std::process::Command;

tests![
    a_period_and_an_invoice_of_older_versions_are_understood,
    other_shapes_of_other_versions_are_answered_counted_and_logged_once,
    thin_events_are_answered_and_counted,
    the_pinned_versions_missing_field_is_named_by_its_path,
    stripes_own_library_signs_what_is_taken,
];

/// A subscription as before 2025-03-31.basil: its period is its own.
fn older(status: &str, created: i64) -> Value {
    let mut object = subscription("sub_1", status, created);
    object["items"]["data"][0].as_object_mut().expect("an item").remove("current_period_end");
    object["current_period_end"] = json!(created + 30 * 86_400);
    object
}

async fn with_metrics(db: Backend) -> Server {
    Server::with(db, |config| {
        stripe::configure(config);
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await
}

async fn counted(server: &Server, outcome: &str) -> u64 {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let address = server.metrics_address().expect("a listener");
    let request = client.get(format!("http://{address}/metrics")).header("connection", "close");
    let text = request.send().await.expect("an answer").text().await.expect("a text");
    let start = format!("keyward_billing_webhooks_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {outcome} in {text}")).parse().expect("a number")
}

async fn a_period_and_an_invoice_of_older_versions_are_understood(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let mut first = updated(1, now, older("active", now));
    first["api_version"] = json!("2024-06-20");
    assert_eq!(outcome(&server, &first).await, "applied");
    let shown_first = shown(&server, &tenant).await;
    assert_eq!((&shown_first["status"], shown_first["currentPeriodEnd"].is_string()), (&json!("active"), true));
    let object = json!({ "id": "in_1", "object": "invoice", "customer": "cus_1", "subscription": "sub_1" });
    let mut failed = event("evt_2", "invoice.payment_failed", now + 1, object);
    failed["api_version"] = json!("2024-06-20");
    assert_eq!(outcome(&server, &failed).await, "applied");
    assert_eq!(shown(&server, &tenant).await["status"], "past_due");
    let object = json!({ "id": "in_9", "object": "invoice", "customer": "cus_1", "subscription": null });
    assert_eq!(outcome(&server, &event("evt_3", "invoice.paid", now + 1, object)).await, "ignored");
}

async fn other_shapes_of_other_versions_are_answered_counted_and_logged_once(db: Backend) {
    let server = with_metrics(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let before = dump(&server.database);
    // Of this server's own, so that the log of the whole run can be searched for it.
    let version = format!("2031-01-01.{}", server.address().port());
    let mut without_period = subscription("sub_1", "canceled", now);
    without_period["items"]["data"][0].as_object_mut().expect("an item").remove("current_period_end");
    let mut resting = subscription("sub_1", "active", now);
    resting["status"] = json!("resting");
    let mut paused = subscription("sub_1", "active", now);
    paused["pause_collection"] = json!({ "behavior": "a new one" });
    let no_parent = json!({ "id": "in_1", "customer": "cus_1", "lines": [] });
    let events = [
        updated(1, now, without_period.clone()),
        updated(2, now, without_period),
        updated(3, now, resting),
        updated(4, now, paused),
        event("evt_5", "invoice.payment_failed", now, no_parent),
    ];
    for mut event in events {
        event["api_version"] = json!(version);
        assert_eq!(outcome(&server, &event).await, "not_understood", "{event}");
    }
    assert_unchanged(&before, &server.database);
    assert_eq!((counted(&server, "not_understood").await, counted(&server, "refused").await), (5, 0));
    let told = log::events_of(&version);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].to_string().contains("data.object.items.data[0].current_period_end"), "{told:?}");
}

async fn thin_events_are_answered_and_counted(db: Backend) {
    let server = with_metrics(db).await;
    let before = dump(&server.database);
    for object in ["v2.core.event", "v2.core.event_notification"] {
        let thin = json!({
            "id": "evt_65RCjj6s1cTDOHYm", "object": object, "type": "v1.billing.meter.error_report_triggered",
            "created": "2026-09-17T06:20:52.246Z", "livemode": false, "context": null, "reason": null,
            "related_object": { "id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1" },
        });
        assert_eq!(outcome(&server, &thin).await, "thin");
    }
    assert_unchanged(&before, &server.database);
    assert_eq!((counted(&server, "thin").await, counted(&server, "refused").await), (2, 0));
}

async fn the_pinned_versions_missing_field_is_named_by_its_path(db: Backend) {
    let server = stripe::server(db).await;
    let now = server.clock.now().seconds();
    let without = |parent: &str, field: &str| {
        let mut object = subscription("sub_1", "active", now);
        object.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(field).expect("a field");
        updated(1, now, object)
    };
    let before = dump(&server.database);
    for (event, field) in [
        (without("", "created"), "data.object.created"),
        (without("", "items"), "data.object.items"),
        (without("/items/data/0", "price"), "data.object.items.data[0].price"),
        (without("/items/data/0/price", "id"), "data.object.items.data[0].price.id"),
        (without("/items/data/0", "current_period_end"), "data.object.items.data[0].current_period_end"),
        (updated(1, now, json!("sub_1")), "data.object"),
    ] {
        let refused = send(&server, &event).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{}", refused.text);
    }
    assert_unchanged(&before, &server.database);
}

async fn stripes_own_library_signs_what_is_taken(db: Backend) {
    let packages = npm::installed("tests/stripe").await;
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let now = server.clock.now().seconds();
    let mut object = subscription("sub_1", "active", now);
    object["metadata"] = json!({ "organization_id": tenant.organization_id, "name": "Bäckerei “Zum Ähren” 🥖" });
    // Written over several lines and with blanks, as Stripe sends it.
    let body = serde_json::to_string_pretty(&updated(1, now, object)).expect("JSON");
    let mut command = Command::new("node");
    command.arg(packages.join("sign.mjs")).args([stripe::SECRET, &now.to_string(), &body]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let header = String::from_utf8(output.stdout).expect("a header");
    let post = |secret_header: &str, body: String| {
        let request = server.post(stripe::PATH).header("stripe-signature", secret_header);
        request.header("content-type", "application/json; charset=utf-8").body(body).send()
    };
    let before = dump(&server.database);
    post(header.trim(), body.replace("active", "unpaid")).await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    let taken = post(header.trim(), body).await.expect(200);
    assert_eq!(taken["outcome"], "applied");
    assert_eq!(shown(&server, &tenant).await["status"], "active");
}
