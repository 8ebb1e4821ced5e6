//! How long programs pass while a payment is due, and while a renewal's news may be on their way: by the clock, in the
//! cache, without a job.

use super::stripe::{self, send, shown, subscription, tie, updated};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;
use std::time::Duration;

tests![
    past_due_passes_until_the_grace_is_over,
    the_grace_counts_from_the_first_failure_however_events_arrive,
    the_operators_past_due_has_the_same_grace,
    a_period_that_is_to_be_renewed_has_time_for_the_news,
    a_subscription_that_was_canceled_for_its_end_stops_there,
];

const HOUR: Duration = Duration::from_secs(3600);

async fn with_grace(db: Backend) -> Server {
    Server::with(db, |config| {
        stripe::configure(config);
        (config.billing.past_due_grace, config.billing.renewal_leeway) = (HOUR, HOUR);
        // The command line reads its own.
        config.subscription.enforce = true;
    })
    .await
}

async fn past_due_passes_until_the_grace_is_over(db: Backend) {
    let server = with_grace(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    send(&server, &updated(1, now, subscription("sub_1", "past_due", now))).await.expect(200);
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["subscription"], json!({ "status": "past_due", "plan": "pro" }));
    server.clock.advance(HOUR - Duration::from_secs(60));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    server.clock.advance(Duration::from_secs(60));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    let later = server.clock.now().seconds();
    send(&server, &updated(2, later, subscription("sub_1", "past_due", now))).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    send(&server, &updated(3, later + 1, subscription("sub_1", "active", now))).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    send(&server, &updated(4, later + 2, subscription("sub_1", "unpaid", now))).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn the_grace_counts_from_the_first_failure_however_events_arrive(db: Backend) {
    let server = with_grace(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    send(&server, &updated(2, now, subscription("sub_1", "past_due", now))).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let earlier = updated(1, now - 3600, subscription("sub_1", "past_due", now));
    send(&server, &earlier).await.expect(200);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn the_operators_past_due_has_the_same_grace(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for (grace, expected) in [("0s", 403), ("1h", 200)] {
        let set = ["subscription", "set", &tenant.organization_id, "--status", "past_due"];
        let mut command = process::command_on(&server.database, &set);
        command.env("KEYWARD__BILLING__PAST_DUE_GRACE", grace);
        assert!(process::output(command).await.status.success());
        server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(expected);
    }
    server.clock.advance(HOUR);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn a_period_that_is_to_be_renewed_has_time_for_the_news(db: Backend) {
    let server = with_grace(db).await;
    let mut tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let mut object = subscription("sub_1", "active", now);
    object["items"]["data"][0]["current_period_end"] = json!(now + 600);
    send(&server, &updated(1, now, object)).await.expect(200);
    server.clock.advance(Duration::from_secs(660));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    server.clock.advance(HOUR);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    tenant.owner.refresh(&server).await;
    assert_eq!(shown(&server, &tenant).await["status"], "expired");
}

async fn a_subscription_that_was_canceled_for_its_end_stops_there(db: Backend) {
    let server = with_grace(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let mut object = subscription("sub_1", "active", now);
    (object["cancel_at"], object["cancel_at_period_end"]) = (json!(now + 600), json!(true));
    send(&server, &updated(1, now, object)).await.expect(200);
    server.clock.advance(Duration::from_secs(540));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    server.clock.advance(Duration::from_secs(60));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}
