//! Only what Stripe signed lately counts; anything else is 400 and changes nothing.

use super::stripe::{self, NEXT_SECRET, PATH, SECRET, header, signature};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Request;
use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::Secret;
use serde_json::json;
use std::time::Duration;

tests![
    only_a_good_and_recent_signature_is_taken,
    each_of_several_secrets_is_good_while_they_rotate,
    no_other_credential_helps,
    a_body_over_the_limit_is_refused_before_it_is_looked_at,
    a_signed_event_of_another_shape_is_refused_with_the_field,
    without_configuration_there_is_no_such_route,
];

fn post(server: &Server, signed: Option<&str>, body: &str) -> Request {
    let request = server.post(PATH).header("content-type", "application/json").body(body.to_owned());
    match signed {
        Some(header) => request.header("stripe-signature", header),
        None => request,
    }
}

async fn only_a_good_and_recent_signature_is_taken(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let now = server.clock.now().seconds();
    let body = stripe::session("evt_1", now, &tenant.organization_id, "sub_1").to_string();
    let good = signature(SECRET, now, &body);
    let before = dump(&server.database);
    let of_the_past = header(SECRET, now - 302, &body);
    let of_the_future = header(SECRET, now + 330, &body);
    let rows = [
        (None, &*body, "exactly one"),
        (Some(""), &body, "the form"),
        (Some("nonsense"), &body, "the form"),
        (Some(&*format!("v1={good}")), &body, "the form"),
        (Some(&format!("t={now}")), &body, "the form"),
        (Some(&format!("t={now},t={now},v1={good}")), &body, "the form"),
        (Some(&format!("t=now,v1={good}")), &body, "the form"),
        (Some(&format!("t={now},v0={good}")), &body, "the form"),
        (Some(&format!("t={now},v1={}", &good[..63])), &body, "No signature"),
        (Some(&format!("t={now},v1={}", good.to_uppercase())), &body, "No signature"),
        (Some(&format!("t={},v1={good}", now + 1)), &body, "No signature"),
        (Some(&header("whsec_of_somebody_else_entirely", now, &body)), &body, "No signature"),
        (Some(&format!("t={now},v1={good}")), &body.replace("sub_1", "sub_2"), "No signature"),
        (Some(&format!("t={now},v1={good}")), &format!("{body} "), "No signature"),
        (Some(&format!("t={now},v1={good}")), "", "No signature"),
        (Some(&of_the_past), &body, "five minutes"),
        (Some(&of_the_future), &body, "five minutes"),
    ];
    for (signed, body, reason) in rows {
        let refused = post(&server, signed, body).send().await.expect_error(400, "bad_request");
        assert!(refused.text_at("/error/message").contains(reason), "{signed:?}: {}", refused.text);
    }
    let twice = post(&server, Some(&format!("t={now},v1={good}")), &body).header("stripe-signature", "t=1,v1=a");
    twice.send().await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    post(&server, Some(&format!("t={now},v1=00,v0=11,v1={good}")), &body).send().await.expect(200);
    assert_ne!(before["stripe_customers"], dump(&server.database)["stripe_customers"]);
    let almost_too_old = stripe::updated(2, now, stripe::subscription("sub_1", "active", now)).to_string();
    let signed = header(SECRET, now - 200, &almost_too_old);
    post(&server, Some(&signed), &almost_too_old).send().await.expect(200);
    server.clock.advance(Duration::from_secs(101));
    post(&server, Some(&signed), &almost_too_old).send().await.expect_error(400, "bad_request");
}

async fn each_of_several_secrets_is_good_while_they_rotate(db: Backend) {
    let server = Server::with(db, |config| {
        stripe::configure(config);
        let settings = config.billing.stripe.as_mut().expect("configured");
        settings.webhook_secrets = Secret::new(vec![SECRET.into(), NEXT_SECRET.into()]);
    })
    .await;
    let now = server.clock.now().seconds();
    for (number, secret, status) in [(1, SECRET, 200), (2, NEXT_SECRET, 200), (3, "whsec_an_old_one_of_before", 400)] {
        let body = stripe::updated(number, now, stripe::subscription("sub_1", "active", now)).to_string();
        post(&server, Some(&header(secret, now, &body)), &body).send().await.expect(status);
    }
}

async fn no_other_credential_helps(db: Backend) {
    let server = stripe::server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let service = service_token(&server.database).await;
    let now = server.clock.now().seconds();
    let event = stripe::session("evt_1", now, &tenant.organization_id, "sub_1");
    let before = dump(&server.database);
    for credential in [&tenant.owner.id_token, &key.plaintext, &service] {
        let request = server.post(PATH).bearer(credential).json(event.clone());
        request.send().await.expect_error(400, "bad_request");
    }
    let refused = server.get(PATH).send().await.expect_error(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("POST"));
    server.post("/v1/billing/stripe/other").send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

async fn a_body_over_the_limit_is_refused_before_it_is_looked_at(db: Backend) {
    let server = stripe::server(db).await;
    let before = dump(&server.database);
    let now = server.clock.now().seconds();
    let body = " ".repeat(server.config.server.body_limit + 1);
    post(&server, Some(&header(SECRET, now, &body)), &body).send().await.expect_error(413, "body_too_large");
    assert_unchanged(&before, &server.database);
}

async fn a_signed_event_of_another_shape_is_refused_with_the_field(db: Backend) {
    let server = stripe::server(db).await;
    let now = server.clock.now().seconds();
    let good = stripe::subscription("sub_1", "active", now);
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut object = good.clone();
        *object.pointer_mut(pointer).expect("a field") = value;
        stripe::updated(1, now, object)
    };
    let rows = [
        (json!({ "id": "evt_1" }), "body"),
        (json!(["evt_1"]), "body"),
        (changed("/status", json!("resting")), "data.object.status"),
        (changed("/customer", json!("cus_\u{0}")), "data.object.customer"),
        (changed("/id", json!("")), "data.object.id"),
    ];
    let before = dump(&server.database);
    for (event, field) in rows {
        let refused = stripe::send(&server, &event).await.expect_error(422, "validation_failed");
        assert_eq!(refused["error"]["details"][0]["field"], field, "{}", refused.text);
    }
    let half = "{\"id\": \"evt_1\"";
    post(&server, Some(&header(SECRET, now, half)), half).send().await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
}

async fn without_configuration_there_is_no_such_route(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    server.post(PATH).json(json!({})).send().await.expect_error(401, "missing_credentials");
    server.post(PATH).bearer(&tenant.owner.id_token).json(json!({})).send().await.expect_error(404, "not_found");
}
