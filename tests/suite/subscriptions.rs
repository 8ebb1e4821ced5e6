//! The subscription gate: programs of who does not pay are refused, people never.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_new_organization_is_trialing_with_the_free_plans_limits,
    programs_pass_or_not_as_the_status_says_and_people_always_do,
    a_trial_that_ended_is_expired_from_that_moment_on,
    a_period_that_ended_is_expired_from_that_moment_on,
    without_the_gate_every_status_passes,
    a_customer_can_not_change_its_own_subscription,
    the_operators_command_refuses_what_does_not_exist,
];

const MESSAGE: &str = "An active subscription is required to access the API.";

async fn a_new_organization_is_trialing_with_the_free_plans_limits(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let path = tenant.organization_path("/subscription");
    let mut shown = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert!(shown.body["trialEndsAt"].take().is_string());
    let limits = json!({"requestsPerMinute": 600, "burst": 100, "maxActiveKeys": 10});
    let expected =
        json!({"status": "trialing", "plan": "free", "trialEndsAt": null, "currentPeriodEnd": null, "limits": limits});
    assert_eq!(shown.body, expected);
}

async fn programs_pass_or_not_as_the_status_says_and_people_always_do(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let rows = [("canceled", 403), ("trialing", 200), ("expired", 403), ("active", 200), ("past_due", 403)];
    for (status, expected) in rows {
        process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", status]).await;
        for path in ["/v1/whoami", "/v1/members"] {
            let answer = server.get(path).bearer(&key.plaintext).send().await.expect(expected);
            if expected == 403 {
                assert_eq!(answer.expect_error(403, "subscription_inactive").text_at("/error/message"), MESSAGE);
            }
        }
        server.get("/v1/whoami").bearer(&tenant.owner.id_token).send().await.expect(200);
        let rename = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
        rename.json(json!({"name": status})).send().await.expect(200);
        let shown = server.get(&tenant.organization_path("/subscription")).bearer(&tenant.owner.id_token).send().await;
        assert_eq!(shown.expect(200)["status"], status);
    }
}

async fn a_trial_that_ended_is_expired_from_that_moment_on(db: Backend) {
    let server = Server::start(db).await;
    let mut tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    server.clock.advance(Duration::from_secs(14 * 86_400 - 60));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    server.clock.advance(Duration::from_secs(60));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
    tenant.owner.refresh(&server).await;
    let shown = server.get(&tenant.organization_path("/subscription")).bearer(&tenant.owner.id_token).send().await;
    assert_eq!(shown.expect(200)["status"], "expired");
}

async fn a_period_that_ended_is_expired_from_that_moment_on(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let end = server.clock.now().plus(Duration::from_secs(600)).to_string();
    let set = [
        "subscription",
        "set",
        &tenant.organization_id,
        "--status",
        "active",
        "--plan",
        "pro",
        "--period-ends-at",
        &end,
    ];
    process::run(&server.database, &set).await;
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["subscription"], json!({"status": "active", "plan": "pro"}));
    server.clock.advance(Duration::from_secs(600));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "subscription_inactive");
}

async fn without_the_gate_every_status_passes(db: Backend) {
    let server = Server::with(db, |config| config.subscription.enforce = false).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    process::run(&server.database, &["subscription", "set", &tenant.organization_id, "--status", "canceled"]).await;
    let whoami = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(whoami["subscription"]["status"], "canceled");
}

async fn a_customer_can_not_change_its_own_subscription(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let path = tenant.organization_path("/subscription");
    let before = dump(&server.database);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = server.request(method.parse().expect("a method"), &path).bearer(&tenant.owner.id_token);
        let refused = request.json(json!({"status": "active"})).send().await.expect_error(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    }
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({"name": "Acme", "plan": "pro"})).send().await.expect_error(422, "validation_failed");
    assert_unchanged(&before, &server.database);
}

async fn the_operators_command_refuses_what_does_not_exist(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = dump(&server.database);
    let unknown = "org_01k4w5c9q2e0vb7m3t8z6r1xhd";
    let rows: [(&[&str], &str); 4] = [
        (&[unknown, "--status", "active"], "there is no organization"),
        (&[&tenant.organization_id, "--plan", "gold"], "free, pro"),
        (&[&tenant.organization_id, "--status", "gold"], "trialing, active"),
        (&["nonsense", "--status", "active"], "must be an id"),
    ];
    for (arguments, reason) in rows {
        let arguments = [&["subscription", "set"], arguments].concat();
        let output = process::output(process::command_on(&server.database, &arguments)).await;
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(reason), "{arguments:?}: {message}");
    }
    assert_unchanged(&before, &server.database);
    let list = process::run(&server.database, &["organization", "list"]).await;
    assert!(list.contains(&tenant.organization_id), "{list}");
}
