//! Whose a subscription is, whenever that becomes known, and which of several counts.

use super::stripe::{self, event, outcome, send, session, shown, subscription, tie, updated};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};

tests![
    what_came_before_the_checkout_counts_once_the_checkout_came,
    a_customers_later_subscription_is_its_organizations,
    the_metadata_of_a_subscription_tells_whose_it_is,
    an_organization_with_several_subscriptions_has_the_best,
    one_customer_can_pay_for_two_organizations,
    an_organization_that_is_not_there_changes_nobody,
];

async fn status(server: &Server, tenant: &Tenant<'_>) -> Value {
    shown(server, tenant).await["status"].take()
}

async fn what_came_before_the_checkout_counts_once_the_checkout_came(db: Backend) {
    let server = stripe::server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let now = server.clock.now().seconds();
    let before = dump(&server.database);
    assert_eq!(outcome(&server, &updated(1, now, subscription("sub_1", "active", now))).await, "untied");
    assert_eq!(outcome(&server, &stripe::invoice("evt_2", "invoice.payment_failed", now + 5)).await, "untied");
    assert_eq!(dump(&server.database)["subscriptions"], before["subscriptions"]);
    tie(&server, &tenant).await;
    assert_eq!(status(&server, &tenant).await, "past_due");
    assert_eq!(status(&server, &other).await, "trialing");
}

async fn a_customers_later_subscription_is_its_organizations(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    assert_eq!(outcome(&server, &updated(1, now, subscription("sub_2", "active", now))).await, "applied");
    assert_eq!(status(&server, &tenant).await, "active");
}

async fn the_metadata_of_a_subscription_tells_whose_it_is(db: Backend) {
    let server = stripe::server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    tie(&server, &other).await;
    let now = server.clock.now().seconds();
    let mut object = subscription("sub_1", "active", now);
    object["metadata"] = json!({ "organization_id": tenant.organization_id, "note": "by our own server" });
    assert_eq!(outcome(&server, &updated(1, now, object)).await, "applied");
    assert_eq!(status(&server, &tenant).await, "active");
    assert_eq!(status(&server, &other).await, "trialing", "the metadata weighs more than the customer");
}

async fn an_organization_with_several_subscriptions_has_the_best(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let steps = [
        ("sub_1", "active", "active"),
        ("sub_2", "incomplete", "active"),
        ("sub_2", "active", "active"),
        ("sub_1", "canceled", "active"),
        ("sub_2", "past_due", "past_due"),
        ("sub_1", "active", "past_due"),
        ("sub_2", "canceled", "canceled"),
    ];
    for (number, (id, at_stripe, ours)) in (0..).zip(steps) {
        send(&server, &updated(number, now + i64::from(number), subscription(id, at_stripe, now))).await.expect(200);
        assert_eq!(status(&server, &tenant).await, ours, "after {id} {at_stripe}");
    }
}

async fn one_customer_can_pay_for_two_organizations(db: Backend) {
    let server = stripe::server(db).await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let now = server.clock.now().seconds();
    send(&server, &session("evt_1", now, &one.organization_id, "sub_1")).await.expect(200);
    send(&server, &session("evt_2", now + 1, &other.organization_id, "sub_2")).await.expect(200);
    send(&server, &updated(3, now + 2, subscription("sub_1", "active", now))).await.expect(200);
    send(&server, &updated(4, now + 2, subscription("sub_2", "past_due", now))).await.expect(200);
    assert_eq!((status(&server, &one).await, status(&server, &other).await), (json!("active"), json!("past_due")));
}

async fn an_organization_that_is_not_there_changes_nobody(db: Backend) {
    let server = stripe::server(db).await;
    let gone = Tenant::new(&server).await;
    let now = server.clock.now().seconds();
    tie(&server, &gone).await;
    server.delete(&gone.organization_path("")).bearer(&gone.owner.id_token).send().await.expect(204);
    let tenant = Tenant::new(&server).await;
    assert_eq!(outcome(&server, &updated(1, now, subscription("sub_1", "canceled", now))).await, "untied");
    assert_eq!(status(&server, &tenant).await, "trialing");
    let before = dump(&server.database);
    for organization in [Value::Null, json!(""), json!("org_"), json!(tenant.workspace_id)] {
        let object = json!({ "customer": "cus_2", "subscription": "sub_2", "client_reference_id": organization });
        let nobodys = event("evt_2", "checkout.session.completed", now, object);
        assert_eq!(outcome(&server, &nobodys).await, "ignored");
    }
    assert_unchanged(&before, &server.database);
}
