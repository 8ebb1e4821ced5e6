//! Which subscription and which of its items decide: prices that no plan names never count; then who pays, then the
//! rank of the plan. The rule itself is tested against a model in `src/domain/billing/mapping/tests.rs`.

use super::stripe::{self, PRO, outcome, send, shown, subscription, tie, updated};
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::{Config, PausedCollection};
use serde_json::{Value, json};

tests![
    a_price_that_no_plan_names_never_counts,
    of_several_subscriptions_the_paid_one_of_the_highest_plan_counts,
    of_several_items_the_highest_plan_counts_with_its_period,
    collection_that_is_paused_is_refused_unless_configuration_admits_it,
];

pub(super) const TEAM: &str = "price_team";
const ADD_ON: &str = "price_that_no_plan_names";

/// The plans free, pro and team, from the least to the best.
pub(super) fn with_team(config: &mut Config) {
    stripe::configure(config);
    let mut team = config.plan("pro");
    team.rank = Some(50);
    config.plans.insert("team".to_owned(), team);
    let prices = &mut config.billing.stripe.as_mut().expect("configured").prices;
    prices.insert(TEAM.to_owned(), "team".to_owned());
}

pub(super) fn priced(id: &str, status: &str, created: i64, price: &str) -> Value {
    let mut object = subscription(id, status, created);
    object["items"]["data"][0]["price"]["id"] = json!(price);
    object
}

pub(super) async fn plan_and_status(server: &Server, tenant: &Tenant<'_>) -> (String, String) {
    let shown = shown(server, tenant).await;
    let text = |name: &str| shown[name].as_str().expect("a text").to_owned();
    (text("plan"), text("status"))
}

pub(super) fn is(plan: &str, status: &str) -> (String, String) {
    (plan.to_owned(), status.to_owned())
}

async fn a_price_that_no_plan_names_never_counts(db: Backend) {
    let server = Server::with(db, with_team).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    assert_eq!(outcome(&server, &updated(1, now, priced("sub_0", "canceled", now, ADD_ON))).await, "unchanged");
    assert_eq!(plan_and_status(&server, &tenant).await, is("free", "trialing"), "a foreign one changes nothing");
    send(&server, &updated(2, now, priced("sub_1", "active", now, TEAM))).await.expect(200);
    send(&server, &updated(3, now, priced("sub_2", "active", now + 10, ADD_ON))).await.expect(200);
    assert_eq!(plan_and_status(&server, &tenant).await, is("team", "active"));
    send(&server, &updated(4, now + 1, priced("sub_1", "canceled", now, TEAM))).await.expect(200);
    assert_eq!(plan_and_status(&server, &tenant).await, is("team", "canceled"));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn of_several_subscriptions_the_paid_one_of_the_highest_plan_counts(db: Backend) {
    let server = Server::with(db, with_team).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let steps = [
        ("sub_1", "active", now, TEAM, "team", "active"),
        // Newer, and less.
        ("sub_2", "trialing", now + 10, PRO, "team", "active"),
        ("sub_2", "active", now + 10, PRO, "team", "active"),
        // A higher plan that is not paid for is less than one that is.
        ("sub_1", "past_due", now, TEAM, "pro", "active"),
        ("sub_1", "trialing", now, TEAM, "pro", "active"),
        ("sub_2", "canceled", now + 10, PRO, "team", "trialing"),
        ("sub_1", "canceled", now, TEAM, "team", "canceled"),
    ];
    for (number, (id, status, created, price, plan, ours)) in (1..).zip(steps) {
        let event = updated(number, now + i64::from(number), priced(id, status, created, price));
        send(&server, &event).await.expect(200);
        assert_eq!(plan_and_status(&server, &tenant).await, is(plan, ours), "after {id} {status} {price}");
    }
}

async fn of_several_items_the_highest_plan_counts_with_its_period(db: Backend) {
    let server = Server::with(db, with_team).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let mut object = subscription("sub_1", "active", now);
    let item = |price: &str, days: i64| json!({ "price": { "id": price }, "current_period_end": now + days * 86_400 });
    object["items"]["data"] = json!([item(ADD_ON, 365), item(PRO, 90), item(TEAM, 30)]);
    send(&server, &updated(1, now, object)).await.expect(200);
    let shown = shown(&server, &tenant).await;
    assert_eq!((&shown["plan"], &shown["status"]), (&json!("team"), &json!("active")));
    let end = server.clock.now().seconds() + 31 * 86_400;
    let text = shown["currentPeriodEnd"].as_str().expect("a time");
    let stored = text.parse::<keyward::base::time::Timestamp>().expect("a time").seconds();
    assert!(stored <= end, "the period is the plan's own: {text}");
}

async fn collection_that_is_paused_is_refused_unless_configuration_admits_it(db: Backend) {
    let server = Server::with(db, |config| {
        with_team(config);
        config.billing.pause_collection.keep_as_draft = PausedCollection::Admit;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let steps = [
        (Value::Null, "active", 200),
        (json!({ "behavior": "void", "resumes_at": null }), "expired", 403),
        (Value::Null, "active", 200),
        (json!({ "behavior": "mark_uncollectible", "resumes_at": now + 5 }), "expired", 403),
        (json!({ "behavior": "keep_as_draft", "resumes_at": null }), "active", 200),
    ];
    for (number, (pause, ours, expected)) in (1..).zip(steps) {
        let mut object = priced("sub_1", "active", now, TEAM);
        object["pause_collection"] = pause.clone();
        send(&server, &updated(number, now + i64::from(number), object)).await.expect(200);
        assert_eq!(plan_and_status(&server, &tenant).await, is("team", ours), "{pause}");
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(expected);
    }
    // Of two versions of one second, the one that names the other's pause as replaced is newer.
    let mut resumed = updated(10, now + 9, priced("sub_1", "active", now, TEAM));
    resumed["data"]["previous_attributes"] = json!({ "pause_collection": { "behavior": "void", "resumes_at": null } });
    let mut paused = priced("sub_1", "active", now, TEAM);
    paused["pause_collection"] = json!({ "behavior": "void", "resumes_at": null });
    send(&server, &resumed).await.expect(200);
    send(&server, &updated(11, now + 9, paused)).await.expect(200);
    assert_eq!(plan_and_status(&server, &tenant).await, is("team", "active"));
}
