//! The operator's commands: each leaves its event in every organization that it is about.

use super::{actions, operator, told, trail};
use crate::support::database::TestDatabase;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, process, tests};
use keyward::base::policy::SubscriptionStatus;
use keyward::domain::audit::Actor;
use keyward::domain::changes::ScopedStore;
use keyward::domain::subscriptions::{Subscription, SubscriptionChange};
use keyward::infra::db::Db;
use serde_json::{Value, json};
use std::collections::BTreeSet;

tests![
    what_billing_changes_is_told_as_billings,
    a_subscription_set_by_the_operator_leaves_its_event,
    commands_about_a_person_leave_an_event_in_each_organization,
    every_command_is_known_here,
];

/// What there is, so that a new command is thought of here. `user`, `organization`, `subscription` and `keys` change access
/// to organizations (what `keys` leaves, `api_keys::revocation` and `api_keys::import` prove; what `organization` and the
/// commands that make and delete users leave, `operator::first_user`);
/// `demo` makes its tenant by the same functions as the API, and a client has no more than they; the others change none (`role` only lists).
const COMMANDS: [&str; 20] = [
    "demo",
    "serve",
    "migrate",
    "backup",
    "healthcheck",
    "openapi",
    "user",
    "identity",
    "organization",
    "role",
    "subscription",
    "service-token",
    "keys",
    "collection",
    "audit",
    "config",
    "configure",
    "whoami",
    "get",
    "help",
];

async fn run(database: &TestDatabase, arguments: &[&str]) {
    let mut command = process::command_on(database, arguments);
    command.env("USER", "ops").env_remove("SUDO_USER");
    let output = process::output(command).await;
    assert!(output.status.success(), "keyward {}", arguments.join(" "));
}

async fn a_subscription_set_by_the_operator_leaves_its_event(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let before = trail(&server.database, &tenant.organization_id).len();
    let set = ["subscription", "set", &tenant.organization_id, "--status", "active", "--plan", "pro"];
    run(&server.database, &set).await;
    let events = trail(&server.database, &tenant.organization_id);
    let expected = json!({
        "actor": operator(),
        "action": "subscription.changed",
        "target": { "kind": "organization", "id": tenant.organization_id, "name": "Acme" },
        "workspaceId": null,
        "before": { "status": "trialing", "plan": "free" },
        "after": { "status": "active", "plan": "pro" },
    });
    assert_eq!(events[before..].iter().map(told).collect::<Vec<_>>(), [expected]);
    let last = &events[before];
    assert_eq!((&last["requestId"], &last["address"], &last["userAgent"]), (&Value::Null, &Value::Null, &Value::Null));
    run(&server.database, &set).await;
    assert_eq!(trail(&server.database, &tenant.organization_id).len(), events.len(), "nothing changed");
}

/// Billing calls the function of the operator's command, and says who it is.
async fn what_billing_changes_is_told_as_billings(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (config, clock) = (server.config.clone(), server.clock.clone());
    let id = tenant.organization_id.parse().expect("an organization's id");
    let change = move || {
        let store =
            ScopedStore::for_command(&config, Db::new(&config.database).for_all_tenants(), &clock).expect("a store");
        store.change_access_blocking(|conn, access_change| {
            access_change.act_as(Actor::Billing("evt_of_the_provider".to_owned()));
            let change = SubscriptionChange {
                status: Some(SubscriptionStatus::PastDue),
                plan: None,
                trial_ends_at: None,
                current_period_end: None,
                grace_ends_at: None,
                later: Vec::new(),
                updated_at: clock.now(),
            };
            Subscription::change(conn, access_change, id, &change)
        })
    };
    tokio::task::spawn_blocking(change).await.expect("no panic").expect("changed");
    let events = trail(&server.database, &tenant.organization_id);
    let last = events.last().expect("an event");
    let expected = json!({ "kind": "billing", "id": "evt_of_the_provider", "name": null, "email": null });
    assert_eq!((&last["actor"], &last["after"]), (&expected, &json!({ "status": "past_due" })));
}

async fn commands_about_a_person_leave_an_event_in_each_organization(db: Backend) {
    let server = Server::start(db).await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let mut person = User::sign_up(&server).await;
    crate::support::tenant::verify_email(&server, &mut person).await;
    for tenant in [&one, &other] {
        let token = tenant.invite(&person.email, "member", &[]).await.text_at("/token");
        let accept = server.post("/v1/invitations/accept").bearer(&person.id_token);
        accept.json(json!({ "token": token })).send().await.expect(200);
    }
    server.database.execute("UPDATE accounts SET email_verified = FALSE");
    let length = trail(&server.database, &one.organization_id).len();
    for command in ["disable", "disable", "enable", "sign-out", "verify-email", "verify-email"] {
        run(&server.database, &["user", command, &person.email]).await;
    }
    let expected = ["user.disabled", "user.enabled", "user.signed_out", "user.email_verified"];
    for tenant in [&one, &other] {
        let events = trail(&server.database, &tenant.organization_id);
        let own = &events[events.len() - expected.len()..];
        assert_eq!(actions(own), expected);
        let about = json!({ "kind": "user", "id": person.user_id, "name": person.email });
        assert!(own.iter().all(|event| event["actor"] == operator() && event["target"] == about), "{own:#?}");
        assert_eq!(
            (&own[0]["before"], &own[0]["after"]),
            (&json!({ "disabled": false }), &json!({ "disabled": true }))
        );
    }
    let events = trail(&server.database, &one.organization_id);
    assert_eq!(events.len(), length + expected.len(), "what is done again leaves nothing");
}

async fn every_command_is_known_here(db: Backend) {
    let server = Server::start(db).await;
    let help = process::run(&server.database, &["help"]).await;
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let listed: BTreeSet<&str> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(listed, BTreeSet::from(COMMANDS));
}
