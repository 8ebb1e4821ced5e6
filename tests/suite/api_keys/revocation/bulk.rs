//! Many keys at once, by what is true of them.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::{Key, User};
use crate::support::{Backend, Server, Tenant, process, tests};
use keyward::base::sql::Conn;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    the_keys_of_a_creator_stop_at_once,
    keys_that_were_not_used_lately_stop_and_a_use_in_memory_counts,
    keys_are_found_by_the_start_that_is_shown,
    a_filter_that_says_nothing_or_can_not_be_meant_changes_nothing,
    more_than_fit_in_one_request_are_revoked_by_repeating_it,
    the_operator_revokes_from_the_command_line,
];

async fn roomy(db: Backend) -> Server {
    Server::with(db, |config| config.plans.values_mut().for_each(|plan| plan.max_active_keys = 10_000)).await
}

async fn revoke(server: &Server, tenant: &Tenant<'_>, by: &User, body: Value) -> Answer {
    server.post(&tenant.workspace_path("/api-keys/revoke")).bearer(&by.id_token).json(body).send().await
}

fn ids(answer: &Answer) -> Vec<&str> {
    let keys = answer["data"].as_array().expect("a list");
    keys.iter().map(|key| key["id"].as_str().expect("an id")).collect()
}

async fn is_alive(server: &Server, key: &Key) -> bool {
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.status == 200
}

async fn the_keys_of_a_creator_stop_at_once(db: Backend) {
    let server = roomy(db).await;
    let node = server.another(|_| {}).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let own = tenant.create_key(&tenant.owner, json!({})).await;
    let (one, other) =
        (tenant.create_key(&editor, json!({})).await, tenant.create_key(&editor, json!({ "name": "CD" })).await);
    let body = |dry_run: bool| json!({ "createdBy": editor.user_id, "dryRun": dry_run });
    let before = dump(&server.database);
    let looked = revoke(&server, &tenant, &tenant.owner, body(true)).await.expect(200);
    assert_eq!(ids(&looked), [&one.id, &other.id]);
    assert_eq!((&looked["dryRun"], &looked["hasMore"]), (&json!(true), &json!(false)));
    assert_eq!(looked["data"][0]["status"], "active");
    assert_unchanged(&before, &server.database);
    assert!(is_alive(&node, &one).await);
    revoke(&server, &tenant, &editor, body(false)).await.expect_error(403, "insufficient_permission");
    let done = revoke(&server, &tenant, &tenant.owner, body(false)).await.expect(200);
    assert_eq!(ids(&done), [&one.id, &other.id]);
    assert_eq!((&done["dryRun"], &done["data"][1]["status"]), (&json!(false), &json!("revoked")));
    for at in [&server, &node] {
        for key in [&one, &other] {
            at.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
        }
        assert!(is_alive(at, &own).await);
    }
    let again = revoke(&server, &tenant, &tenant.owner, body(false)).await.expect(200);
    assert_eq!(ids(&again), Vec::<&str>::new(), "what is revoked does not match");
}

async fn keys_that_were_not_used_lately_stop_and_a_use_in_memory_counts(db: Backend) {
    let server = roomy(db).await;
    let tenant = Tenant::new(&server).await;
    let key = async || tenant.create_key(&tenant.owner, json!({})).await;
    let (never, long_ago, used) = (key().await, key().await, key().await);
    assert!(is_alive(&server, &long_ago).await);
    server.clock.advance(Duration::from_secs(1200));
    let since = server.clock.now().to_string();
    server.clock.advance(Duration::from_secs(1200));
    let fresh = key().await;
    // Half a second ago at most: it is in memory only.
    assert!(is_alive(&server, &used).await);
    let done = revoke(&server, &tenant, &tenant.owner, json!({ "unusedSince": since })).await.expect(200);
    assert_eq!(ids(&done), [&never.id, &long_ago.id]);
    assert!(is_alive(&server, &used).await && is_alive(&server, &fresh).await);
    assert!(!is_alive(&server, &never).await && !is_alive(&server, &long_ago).await);
}

async fn keys_are_found_by_the_start_that_is_shown(db: Backend) {
    let server = roomy(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let start = &key.plaintext[..11];
    // Were the filter a LIKE, SQLite would take upper for lower case, and both databases `_` for anything.
    let other_case: String = start
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    for nobodys in [other_case.as_str(), "sk-live-", "live_", "sk_test_"] {
        let done = revoke(&server, &tenant, &tenant.owner, json!({ "prefix": nobodys })).await.expect(200);
        assert_eq!(ids(&done), Vec::<&str>::new(), "{nobodys}");
    }
    let editor = tenant.add_to_workspace("editor").await;
    let both = json!({ "prefix": start, "createdBy": editor.user_id });
    assert_eq!(ids(&revoke(&server, &tenant, &tenant.owner, both).await.expect(200)), Vec::<&str>::new());
    let done = revoke(&server, &tenant, &tenant.owner, json!({ "prefix": start })).await.expect(200);
    assert_eq!(ids(&done), [&key.id]);
    assert!(!is_alive(&server, &key).await);
}

async fn a_filter_that_says_nothing_or_can_not_be_meant_changes_nothing(db: Backend) {
    let server = roomy(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let later = server.clock.now().plus(Duration::from_secs(60)).to_string();
    let before = dump(&server.database);
    for bad in [
        json!({}),
        json!({ "dryRun": false }),
        json!({ "createdBy": null, "unusedSince": null, "prefix": null }),
        json!({ "unusedSince": later }),
        json!({ "prefix": "" }),
        // More than is kept of it, so it would find nothing.
        json!({ "prefix": key.plaintext }),
        json!({ "prefix": &key.plaintext[..12] }),
    ] {
        let refused = revoke(&server, &tenant, &tenant.owner, bad.clone()).await.expect_error(422, "validation_failed");
        assert!(!refused.text.contains(&key.plaintext[8..]), "{bad}");
    }
    revoke(&server, &tenant, &other.owner, json!({ "prefix": "sk" })).await.expect_error(404, "not_found");
    let foreign = revoke(&server, &tenant, &tenant.owner, json!({ "createdBy": other.owner.user_id })).await;
    assert_eq!(ids(&foreign.expect(200)), Vec::<&str>::new());
    assert_unchanged(&before, &server.database);
}

/// Rows as the API would make them, but faster.
fn fill(server: &Server, tenant: &Tenant<'_>, count: usize) {
    use diesel::connection::SimpleConnection;
    let (organization, workspace, creator) = (&tenant.organization_id, &tenant.workspace_id, &tenant.owner.user_id);
    let rows: Vec<String> = (0..count)
        .map(|_| {
            format!(
                "('{}', '{organization}', '{workspace}', '{creator}', 'sk_live_abc...xyz', 'full', '', '2026-01-01T00:00:00.000000Z')",
                keyward::base::ids::KeyId::new()
            )
        })
        .collect();
    let insert = format!(
        "INSERT INTO api_keys (id, organization_id, workspace_id, creator_id, preview, scope, allowed_ips, created_at) VALUES {}",
        rows.join(", ")
    );
    let inserted = match server.database.connect() {
        Conn::Sqlite(mut sqlite) => sqlite.batch_execute(&insert),
        // The tests' trigger wants an audit event of whoever adds keys; only a superuser gets past it.
        Conn::Postgres(_) => {
            let quietly = format!("SET session_replication_role = replica; {insert}");
            server.database.connect_as_superuser().batch_execute(&quietly)
        }
    };
    inserted.expect("rows");
}

async fn more_than_fit_in_one_request_are_revoked_by_repeating_it(db: Backend) {
    let server = roomy(db).await;
    let tenant = Tenant::new(&server).await;
    fill(&server, &tenant, 501);
    let body = json!({ "prefix": "sk_live_" });
    let first = revoke(&server, &tenant, &tenant.owner, body.clone()).await.expect(200);
    assert_eq!((ids(&first).len(), &first["hasMore"]), (500, &json!(true)));
    let second = revoke(&server, &tenant, &tenant.owner, body).await.expect(200);
    assert_eq!((ids(&second).len(), &second["hasMore"]), (1, &json!(false)));
    let path = tenant.organization_path("/audit-events?action=api_key.revoked&pageSize=100");
    let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(100));
}

async fn the_operator_revokes_from_the_command_line(db: Backend) {
    let server = roomy(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let (own, key) = (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&editor, json!({})).await);
    assert!(is_alive(&server, &key).await);
    let of = ["keys", "revoke", "--workspace", &tenant.workspace_id];
    let with = |more: &[&str]| [&of[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let run = async |more: &[&str]| {
        let arguments = with(more);
        process::run(&server.database, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let fail = async |more: &[&str]| {
        let arguments = with(more);
        process::fail(&server.database, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    assert!(fail(&[]).await.contains("at least one of"));
    assert!(fail(&["--creator", "nobody@example.com"]).await.contains("--creator"));
    assert!(fail(&["--unused-since", "yesterday"]).await.contains("--unused-since"));
    let looked = run(&["--creator", &editor.email, "--dry-run"]).await;
    assert!(looked.contains(&key.id) && !looked.contains(&own.id) && looked.contains("1 key would be"), "{looked}");
    assert!(is_alive(&server, &key).await);
    let done = run(&["--creator", &editor.email.to_uppercase()]).await;
    assert!(done.contains(&key.id) && done.contains("1 key is revoked"), "{done}");
    assert!(!is_alive(&server, &key).await && is_alive(&server, &own).await);
    let done = run(&["--prefix", "sk_live_"]).await;
    assert!(done.contains(&own.id) && !done.contains(&key.id), "{done}");
    let path = tenant.organization_path("/audit-events?action=api_key.revoked&actor=operator");
    let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(events["data"].as_array().map(Vec::len), Some(2));
    let nowhere = keyward::base::ids::WorkspaceId::new().to_string();
    let refused = process::fail(&server.database, &["keys", "revoke", "--workspace", &nowhere, "--prefix", "sk"]).await;
    assert!(refused.contains("there is no workspace"), "{refused}");
}
