//! Which of several subscriptions counts is decided by the clock too: one that has ended by time gives way to one that
//! is paid, at that moment, in the cache and in the database, without an event.

use super::best::{TEAM, is, plan_and_status, priced, with_team};
use super::stripe::{PRO, outcome, send, shown, tie, updated};
use crate::support::{Backend, Server, Tenant, process, tests};
use keyward::base::config::Config;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_higher_plan_that_ends_gives_way_to_a_lower_paid_one,
    a_trial_that_ends_gives_way_to_a_lower_paid_one,
    a_change_by_the_operator_stands_until_the_next_event,
    an_event_after_the_change_of_time_counts_as_usual,
];

const HOUR: Duration = Duration::from_secs(3600);

fn configure(config: &mut Config) {
    with_team(config);
    (config.billing.past_due_grace, config.billing.renewal_leeway) = (HOUR, HOUR);
    config.subscription.enforce = true;
    config.plans.get_mut("pro").expect("a plan").max_active_keys = 1;
}

/// `sub_1` on the plan team, canceled for the end of the next ten minutes, and `sub_2` on the plan pro.
async fn ending_team_and_paid_pro(server: &Server) -> i64 {
    let now = server.clock.now().seconds();
    let mut ending = priced("sub_1", "active", now, TEAM);
    ending["cancel_at"] = json!(now + 600);
    send(server, &updated(1, now, ending)).await.expect(200);
    send(server, &updated(2, now, paid_pro(now))).await.expect(200);
    now
}

/// `sub_2`, paid for ten days.
fn paid_pro(now: i64) -> Value {
    let mut paid = priced("sub_2", "active", now - 10, PRO);
    paid["items"]["data"][0]["current_period_end"] = json!(now + 10 * 86_400);
    paid
}

async fn of_key(server: &Server, key: &str) -> Value {
    server.get("/v1/whoami").bearer(key).send().await.expect(200)["subscription"].clone()
}

async fn a_higher_plan_that_ends_gives_way_to_a_lower_paid_one(db: Backend) {
    let server = Server::with(db, configure).await;
    let mut tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    ending_team_and_paid_pro(&server).await;
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "team", "status": "active" }));
    server.clock.advance(Duration::from_secs(540));
    assert_eq!(of_key(&server, &key.plaintext).await["plan"], "team");
    let changed = server.database.texts("SELECT CAST(updated_at AS TEXT) AS text FROM subscriptions");

    server.clock.advance(Duration::from_secs(60));
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "pro", "status": "active" }), "from the cache");
    let node = server.another(configure).await;
    let whoami = node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["subscription"], json!({ "plan": "pro", "status": "active" }), "from the database");
    assert_eq!(plan_and_status(&server, &tenant).await, is("pro", "active"));
    assert_eq!(shown(&server, &tenant).await["limits"]["maxActiveKeys"], 1);
    let another = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).json(json!({}));
    another.send().await.expect_error(409, "max_active_keys_reached");
    let listed = process::output(process::command_on(&server.database, &["organization", "list"])).await;
    let listed = String::from_utf8(listed.stdout).expect("text");
    assert!(listed.contains("team"), "the system's own clock has not come to the end yet: {listed}");
    let still = server.database.texts("SELECT CAST(updated_at AS TEXT) AS text FROM subscriptions");
    assert_eq!(still, changed, "nothing was written");

    // Both have ended, the higher one for good: nothing works.
    server.clock.advance(11 * 24 * HOUR);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    tenant.owner.refresh(&server).await;
    assert_eq!(plan_and_status(&server, &tenant).await, is("pro", "expired"));
}

async fn a_trial_that_ends_gives_way_to_a_lower_paid_one(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = server.clock.now().seconds();
    let mut trial = priced("sub_1", "trialing", now, TEAM);
    trial["trial_end"] = json!(now + 600);
    send(&server, &updated(1, now, trial)).await.expect(200);
    // Lower than a trial, as long as there is one.
    send(&server, &updated(2, now, priced("sub_2", "past_due", now - 10, PRO))).await.expect(200);
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "team", "status": "trialing" }));
    send(&server, &updated(3, now + 1, priced("sub_2", "active", now - 10, PRO))).await.expect(200);
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "pro", "status": "active" }));
    let mut ending = priced("sub_2", "active", now - 10, PRO);
    ending["cancel_at"] = json!(now + 300);
    send(&server, &updated(4, now + 2, ending)).await.expect(200);
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "team", "status": "trialing" }));
    server.clock.advance(2 * HOUR);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn a_change_by_the_operator_stands_until_the_next_event(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = ending_team_and_paid_pro(&server).await;
    let set = ["subscription", "set", &tenant.organization_id, "--status", "canceled"];
    assert!(process::output(process::command_on(&server.database, &set)).await.status.success());
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    server.clock.advance(HOUR);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    // The same version again changes nothing at Stripe; another one does.
    let same = updated(3, now, paid_pro(now));
    assert_eq!(outcome(&server, &same).await, "unchanged");
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    send(&server, &updated(4, now + 3700, priced("sub_2", "past_due", now - 10, PRO))).await.expect(200);
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "pro", "status": "past_due" }));
}

async fn an_event_after_the_change_of_time_counts_as_usual(db: Backend) {
    let server = Server::with(db, configure).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    tie(&server, &tenant).await;
    let now = ending_team_and_paid_pro(&server).await;
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(of_key(&server, &key.plaintext).await["plan"], "pro");
    // What Stripe sends at the end says what counts already.
    let over = updated(3, now + 600, priced("sub_1", "canceled", now, TEAM));
    assert_eq!(outcome(&server, &over).await, "unchanged");
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "pro", "status": "active" }));
    send(&server, &updated(4, now + 601, priced("sub_3", "active", now, TEAM))).await.expect(200);
    assert_eq!(of_key(&server, &key.plaintext).await, json!({ "plan": "team", "status": "active" }));
}
