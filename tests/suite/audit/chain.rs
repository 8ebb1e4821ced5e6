//! Nobody changes what was recorded, or it shows.

use super::trail;
use crate::support::database::TestDatabase;
use crate::support::http::Request;
use crate::support::{Backend, Server, Tenant, process, tests};
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

tests![
    anybody_can_compute_the_chain_from_an_export,
    writers_at_once_on_two_nodes_keep_the_chain_whole,
    changes_of_all_kinds_at_once_neither_fail_nor_break_the_chain,
    the_database_refuses_to_change_or_take_away_an_event,
    verify_names_the_first_event_that_was_tampered_with,
    a_deleted_organizations_trail_stays_for_the_operator,
];

/// What `keyward audit verify` says, and whether it found all in order.
async fn verify(database: &TestDatabase) -> (bool, String) {
    let output = process::output(process::command_on(database, &["audit", "verify"])).await;
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// By the recipe in the documentation of `src/audit/chain.rs`.
async fn anybody_can_compute_the_chain_from_an_export(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let key = acme.create_key(&acme.owner, json!({ "name": "\u{fc}ber \"CI\"" })).await;
    server.post(&acme.key_path(&key, "/disable")).bearer(&acme.owner.id_token).send().await.expect(200);
    let path = acme.organization_path("/audit-events/export");
    let export = server.get(&path).bearer(&acme.owner.id_token).send().await.expect(200).text;
    let mut previous = vec![0; 32];
    for line in export.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let state = |name: &str| if event[name].is_null() { Value::Null } else { json!(event[name].to_string()) };
        let (actor, target) = (&event["actor"], &event["target"]);
        let content = json!([
            event["organizationId"],
            event["sequence"],
            event["id"],
            event["occurredAt"],
            event["workspaceId"],
            actor["kind"],
            actor["id"],
            actor["name"],
            actor["email"],
            event["action"],
            target["kind"],
            target["id"],
            target["name"],
            state("before"),
            state("after"),
            event["address"],
            event["userAgent"],
            event["requestId"],
        ]);
        previous = Sha256::new().chain_update(&previous).chain_update(content.to_string()).finalize().to_vec();
        let hash: String = previous.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(event["hash"], hash.as_str(), "{line}");
    }
    assert_eq!(export.lines().count(), 4);
    let report = process::run(&server.database, &["audit", "verify", &acme.organization_id]).await;
    let hash: String = previous.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(report.trim().ends_with(&hash), "{report}");
}

async fn writers_at_once_on_two_nodes_keep_the_chain_whole(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let acme = Tenant::new(&server).await;
    let globex = Tenant::new(&server).await;
    let create = |on: &Server, tenant: &Tenant<'_>, n: usize| {
        let request = on.post(&tenant.organization_path("/workspaces")).bearer(&tenant.owner.id_token);
        request.json(json!({ "name": format!("W{n}") })).send()
    };
    let all = (0..24).map(|n| create([&server, &node][n % 2], [&acme, &globex][n / 2 % 2], n));
    for answer in join_all(all).await {
        answer.expect(201);
    }
    for tenant in [&acme, &globex] {
        let events = trail(&server.database, &tenant.organization_id);
        let places: Vec<i64> = events.iter().filter_map(|event| event["sequence"].as_i64()).collect();
        assert_eq!(places, (1..=14).collect::<Vec<_>>(), "creation, a first workspace and twelve more");
    }
    let (whole, report) = verify(&server.database).await;
    assert!(whole && report.lines().count() == 2 && report.contains("whole\t14 events"), "{report}");
}

/// Each takes other locks before the chain's head: none waits for another in a circle.
async fn changes_of_all_kinds_at_once_neither_fail_nor_break_the_chain(db: Backend) {
    let server = Server::with(db, |config| config.plans.values_mut().for_each(|plan| plan.max_active_keys = 100)).await;
    let node = server.another(|_| {}).await;
    let acme = Tenant::new(&server).await;
    let owner = &acme.owner.id_token;
    let mut requests = Vec::new();
    for n in 0..6 {
        let on = [&server, &node][n % 2];
        let (leaver, member) = (acme.add_to_workspace("editor").await, acme.add_to_workspace("viewer").await);
        acme.create_key(&leaver, json!({})).await;
        let key = acme.create_key(&acme.owner, json!({})).await;
        let member_path = |id: &str| format!("/members/{id}");
        requests.extend([
            on.post(&acme.workspace_path("/api-keys")).bearer(owner).json(json!({})),
            on.post(&acme.key_path(&key, "/roll")).bearer(owner),
            on.delete(&acme.organization_path(&member_path(&leaver.user_id))).bearer(owner),
            on.put(&acme.workspace_path(&member_path(&member.user_id))).bearer(owner).json(json!({ "role": "admin" })),
            on.patch(&acme.organization_path("")).bearer(owner).json(json!({ "name": format!("Acme {n}") })),
            on.patch(&acme.workspace_path("")).bearer(owner).json(json!({ "name": format!("Live {n}") })),
        ]);
    }
    let before = trail(&server.database, &acme.organization_id).len();
    for answer in join_all(requests.into_iter().map(Request::send)).await {
        assert!((200..300).contains(&answer.status), "{}", answer.text);
    }
    // A removal orphans a key besides.
    assert_eq!(trail(&server.database, &acme.organization_id).len(), before + 6 * 7);
    let (whole, report) = verify(&server.database).await;
    assert!(whole, "{report}");
}

async fn the_database_refuses_to_change_or_take_away_an_event(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let before = trail(&server.database, &acme.organization_id);
    let mut statements = vec![
        "UPDATE audit_events SET action = 'organization.renamed'",
        "UPDATE audit_events SET organization_id = 'org_1'",
        "DELETE FROM audit_events",
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET sequence = sequence - 1",
        "UPDATE audit_heads SET pruned_sequence = sequence + 1",
        "UPDATE audit_heads SET organization_id = 'org_1'",
    ];
    if db == Backend::Postgres {
        statements.extend(["TRUNCATE audit_events", "TRUNCATE audit_heads"]);
    }
    for statement in statements {
        let refused = server.database.connect().batch_execute(statement);
        let reason = refused.expect_err(statement).to_string();
        assert!(reason.starts_with("audit "), "{statement}: {reason}");
    }
    assert_eq!(trail(&server.database, &acme.organization_id), before);
}

/// Takes the triggers away, as somebody with the database's password could.
fn disarm(database: &TestDatabase, db: Backend) {
    let statements = match db {
        Backend::Postgres => {
            "DROP TRIGGER audit_events_append_only ON audit_events; DROP TRIGGER audit_heads_forward ON audit_heads"
        }
        Backend::Sqlite => {
            "DROP TRIGGER audit_events_no_update; DROP TRIGGER audit_events_no_delete; \
             DROP TRIGGER audit_heads_no_delete; DROP TRIGGER audit_heads_only_forward"
        }
    };
    database.connect().batch_execute(statements).expect("the triggers are there");
}

async fn verify_names_the_first_event_that_was_tampered_with(db: Backend) {
    let server = Server::start(db).await;
    disarm(&server.database, db);
    // What is done to a trail of five events, and what verify says; `{3}` is the third event's id.
    let unreadable = match db {
        Backend::Sqlite => (
            "UPDATE audit_events SET occurred_at = 'never' WHERE sequence = 3 AND O",
            "the event with sequence 3 was changed: it can't be read",
        ),
        Backend::Postgres => {
            ("UPDATE audit_events SET request_id = NULL WHERE sequence = 3 AND O", "event {3} (sequence 3) was changed")
        }
    };
    let cases = [
        ("UPDATE audit_events SET actor_id = 'usr_1' WHERE sequence = 3 AND O", "event {3} (sequence 3) was changed"),
        ("UPDATE audit_events SET state_after = '{}' WHERE sequence = 3 AND O", "event {3} (sequence 3) was changed"),
        ("UPDATE audit_events SET action = 'nonsense' WHERE sequence = 3 AND O", "event {3} (sequence 3) was changed"),
        unreadable,
        ("UPDATE audit_events SET hash = '' WHERE sequence = 3 AND O", "event {3} (sequence 3) was changed"),
        ("DELETE FROM audit_events WHERE sequence = 3 AND O", "the event with sequence 3 is missing"),
        ("DELETE FROM audit_events WHERE sequence = 1 AND O", "the event with sequence 1 is missing"),
        ("DELETE FROM audit_events WHERE sequence >= 4 AND O", "the trail's end is missing: it went on to sequence 5"),
        ("DELETE FROM audit_events WHERE O", "the trail's end is missing: it went on to sequence 5"),
        (
            "UPDATE audit_heads SET sequence = 4 WHERE O",
            "event {5} (sequence 5) is not the one that the trail ended with",
        ),
        ("DELETE FROM audit_heads WHERE O", "the trail's head is missing"),
    ];
    let mut expected = Vec::new();
    for (statement, fault) in cases {
        let tenant = Tenant::new(&server).await;
        for name in ["Three", "Four", "Five"] {
            tenant.add_workspace(name).await;
        }
        let events = trail(&server.database, &tenant.organization_id);
        assert_eq!(events.len(), 5);
        let own = format!("organization_id = '{}'", tenant.organization_id);
        let changed = server.database.execute(&statement.replace(" O", &format!(" {own}")));
        assert!(changed > 0, "{statement}");
        let id = |place: usize| events[place - 1]["id"].as_str().expect("an id").to_owned();
        let fault = fault.replace("{3}", &id(3)).replace("{5}", &id(5));
        expected.push(format!("{}\tBROKEN\t{fault}", tenant.organization_id));
    }
    let whole = Tenant::new(&server).await;
    let (all_whole, report) = verify(&server.database).await;
    assert!(!all_whole, "the exit code tells");
    assert!(report.contains(&format!("{}\twhole\t2 events\tends at 2 ", whole.organization_id)), "{report}");
    for line in expected {
        assert!(report.contains(&line), "{line} is not in {report}");
    }
    let one = process::run(&server.database, &["audit", "verify", &whole.organization_id]).await;
    assert_eq!(one.lines().count(), 1, "{one}");
}

async fn a_deleted_organizations_trail_stays_for_the_operator(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    server.delete(&acme.organization_path("")).bearer(&acme.owner.id_token).send().await.expect(204);
    for rest in ["/audit-events", "/audit-events/export"] {
        let read = server.get(&acme.organization_path(rest)).bearer(&acme.owner.id_token).send().await;
        read.expect_error(404, "not_found");
    }
    let exported = process::run(&server.database, &["audit", "export", &acme.organization_id]).await;
    assert_eq!(exported.lines().count(), 3);
    assert!(exported.lines().last().expect("a line").contains("\"organization.deleted\""), "{exported}");
    assert!(verify(&server.database).await.0);
}
