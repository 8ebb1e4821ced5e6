//! [`Stripe`]: events as Stripe sends them, in the shapes of API version 2025-03-31.basil, signed.

use crate::support::http::{Answer, Api};
use crate::support::{Backend, Server, Tenant, secrets};
use aws_lc_rs::hmac;
use keyward::base::config::{Config, Secret, StripeSettings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const PATH: &str = "/v1/billing/stripe/webhook";
pub const SECRET: &str = "whsec_5WbX2LBOGY0bVvTSpUJ9mqRk";
pub const NEXT_SECRET: &str = "whsec_o3C1LSnQWmTEKAVOqLdQbN5h";
/// The plan `pro`.
pub const PRO: &str = "price_1MoBy5LkdIwHu7ixZhnattbh";

/// Configures the webhook.
pub fn configure(config: &mut Config) {
    [SECRET, NEXT_SECRET].into_iter().for_each(secrets::register);
    let prices = BTreeMap::from([(PRO.to_owned(), "pro".to_owned())]);
    config.billing.stripe = Some(StripeSettings { webhook_secrets: Secret::new(vec![SECRET.into()]), prices });
}

pub async fn server(db: Backend) -> Server {
    Server::with(db, configure).await
}

/// The header for a body that is signed at that second.
pub fn header(secret: &str, seconds: i64, body: &str) -> String {
    format!("t={seconds},v1={}", signature(secret, seconds, body))
}

pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends an event, signed now.
pub async fn send(server: &Server, event: &Value) -> Answer {
    deliver(server, server.clock.now().seconds(), event).await
}

/// Sends an event to a node, signed at that second.
pub async fn deliver(node: &Api, seconds: i64, event: &Value) -> Answer {
    let body = event.to_string();
    let request = node.post(PATH).header("stripe-signature", &header(SECRET, seconds, &body));
    request.header("content-type", "application/json; charset=utf-8").body(body).send().await
}

/// Sends it and gives what became of it.
pub async fn outcome(server: &Server, event: &Value) -> String {
    send(server, event).await.expect(200).text_at("/outcome")
}

/// An event around an object.
pub fn event(id: &str, kind: &str, created: i64, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2025-03-31.basil", "created": created, "data": { "object": object },
        "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null }, "type": kind,
    })
}

/// A subscription of customer `cus_1`, as it is a month before its period ends.
pub fn subscription(id: &str, status: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "subscription", "customer": "cus_1", "status": status, "created": created,
        "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null, "ended_at": null, "trial_end": null,
        "latest_invoice": "in_1", "metadata": {}, "collection_method": "charge_automatically",
        "items": { "object": "list", "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": 1,
            "current_period_start": created, "current_period_end": created + 30 * 86_400,
            "price": { "id": PRO, "object": "price", "currency": "usd", "unit_amount": 1000 },
        }] },
    })
}

/// `customer.subscription.updated`, with an id by its number.
pub fn updated(number: u32, created: i64, object: Value) -> Value {
    event(&format!("evt_{number}"), "customer.subscription.updated", created, object)
}

/// `checkout.session.completed` of `cus_1`, for a subscription.
pub fn session(id: &str, created: i64, organization: &str, subscription: &str) -> Value {
    let object = json!({
        "id": "cs_1", "object": "checkout.session", "mode": "subscription", "client_reference_id": organization,
        "customer": "cus_1", "subscription": subscription, "payment_status": "paid", "status": "complete",
    });
    event(id, "checkout.session.completed", created, object)
}

/// `invoice.paid` or `invoice.payment_failed` of `sub_1`.
pub fn invoice(id: &str, kind: &str, created: i64) -> Value {
    let object = json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "billing_reason": "subscription_cycle",
        "parent": { "type": "subscription_details", "quote_details": null,
            "subscription_details": { "metadata": {}, "subscription": "sub_1" } },
    });
    event(id, kind, created, object)
}

/// Ties `cus_1` and `sub_1` to the tenant.
pub async fn tie(server: &Server, tenant: &Tenant<'_>) {
    let now = server.clock.now().seconds();
    send(server, &session("evt_tie", now, &tenant.organization_id, "sub_1")).await.expect(200);
}

/// What the tenant's people see.
pub async fn shown(server: &Server, tenant: &Tenant<'_>) -> Value {
    let path = tenant.organization_path("/subscription");
    server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200).body
}
