//! Who reads the trail, and how.

use super::trail;
use crate::support::http::Answer;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    only_admins_of_the_organization_read_its_trail,
    the_list_is_newest_first_and_paged,
    filters_find_by_actor_action_target_and_time,
    an_export_is_the_whole_trail_as_json_lines,
    an_export_of_many_batches_is_complete,
    what_the_client_calls_itself_is_bounded,
];

async fn list(server: &Server, tenant: &Tenant<'_>, query: &str) -> Answer {
    let path = tenant.organization_path(&format!("/audit-events{query}"));
    server.get(&path).bearer(&tenant.owner.id_token).send().await
}

async fn only_admins_of_the_organization_read_its_trail(db: Backend) {
    let server = Server::start(db).await;
    let (acme, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let (admin, member) = (acme.add_member("admin", &[]).await, acme.add_to_workspace("admin").await);
    let key = acme.create_key(&acme.owner, json!({})).await;
    for rest in ["/audit-events", "/audit-events/export"] {
        let read = |credential: &str| server.get(&acme.organization_path(rest)).bearer(credential).send();
        read(&admin.id_token).await.expect(200);
        read(&member.id_token).await.expect_error(403, "insufficient_permission");
        read(&globex.owner.id_token).await.expect_error(404, "not_found");
        read(&key.plaintext).await.expect_error(403, "credential_not_accepted");
    }
    let theirs = list(&server, &globex, "?pageSize=100").await.expect(200);
    assert!(!theirs.text.contains(&acme.organization_id));
}

async fn the_list_is_newest_first_and_paged(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    for n in 0..5 {
        acme.add_workspace(&format!("W{n}")).await;
    }
    let mut expected = trail(&server.database, &acme.organization_id);
    expected.reverse();
    assert_eq!(list(&server, &acme, "").await.expect(200)["data"], Value::from(expected.clone()));
    let (mut found, mut query) = (Vec::new(), "?pageSize=3".to_owned());
    loop {
        let page = list(&server, &acme, &query).await.expect(200);
        found.extend(page["data"].as_array().expect("a list").clone());
        // What is added meanwhile does not shift the pages.
        acme.add_workspace("Meanwhile").await;
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("?pageSize=3&cursor={cursor}");
    }
    assert_eq!(found, expected);
}

async fn filters_find_by_actor_action_target_and_time(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let editor: User = acme.add_to_workspace("editor").await;
    server.clock.advance(Duration::from_secs(60));
    let between = server.clock.now();
    server.clock.advance(Duration::from_secs(60));
    let key = acme.create_key(&editor, json!({})).await;
    server.post(&acme.key_path(&key, "/disable")).bearer(&acme.owner.id_token).send().await.expect(200);
    let all = trail(&server.database, &acme.organization_id);
    let find = async |query: &str, which: &dyn Fn(&Value) -> bool, count: usize| {
        let mut expected: Vec<Value> = all.iter().filter(|event| which(event)).cloned().collect();
        expected.reverse();
        assert_eq!(expected.len(), count, "{query}");
        assert_eq!(list(&server, &acme, query).await.expect(200)["data"], Value::from(expected), "{query}");
    };
    let by = |id: &str| {
        let id = id.to_owned();
        move |event: &Value| event["actor"]["id"] == id.as_str()
    };
    find(&format!("?actor={}", editor.user_id), &by(&editor.user_id), 4).await;
    find("?actor=user", &|_| true, all.len()).await;
    find("?actor=operator", &|_| false, 0).await;
    find("?action=api_key.created", &|event| event["action"] == "api_key.created", 1).await;
    find(&format!("?target={}", key.id), &|event| event["target"]["id"] == key.id.as_str(), 2).await;
    let later = |event: &Value| event["occurredAt"].as_str().expect("a time") >= between.to_string().as_str();
    find(&format!("?from={between}"), &later, 2).await;
    find(&format!("?to={between}"), &|event| !later(event), all.len() - 2).await;
    let owners = format!("?actor={}&target={}&from={between}", acme.owner.user_id, key.id);
    find(&owners, &|event| event["action"] == "api_key.disabled", 1).await;
    let page = list(&server, &acme, "?actor=user&pageSize=2").await.expect(200);
    let next = format!("?actor=user&pageSize=100&cursor={}", page.text_at("/nextCursor"));
    assert_eq!(list(&server, &acme, &next).await.expect(200)["data"].as_array().map(Vec::len), Some(all.len() - 2));
}

async fn an_export_is_the_whole_trail_as_json_lines(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    acme.create_key(&acme.owner, json!({ "name": "CI" })).await;
    let export = async |query: &str| {
        let path = acme.organization_path(&format!("/audit-events/export{query}"));
        let answer = server.get(&path).bearer(&acme.owner.id_token).send().await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let all = trail(&server.database, &acme.organization_id);
    assert_eq!(export("").await, all);
    assert_eq!(export("?action=api_key.created").await, all[all.len() - 1..]);
    assert_eq!(export("?actor=billing").await, Vec::<Value>::new());
}

async fn an_export_of_many_batches_is_complete(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    // Events that no chain holds together: only their number matters here.
    let row = |n: usize| {
        format!(
            "('{}', {n}, 'evt_{n}', 'operator', 'workspace.created', 'workspace', 'ws_{n}', '2026-11-22T00:00:00.000000Z', '')",
            acme.organization_id
        )
    };
    let rows: Vec<String> = (3..=1_234).map(row).collect();
    let columns = "organization_id, sequence, id, actor_kind, action, target_kind, target_id, occurred_at, hash";
    server.database.execute(&format!("INSERT INTO audit_events ({columns}) VALUES {}", rows.join(", ")));
    server.database.execute("UPDATE audit_heads SET sequence = 1234");
    let path = acme.organization_path("/audit-events/export");
    let answer = server.get(&path).bearer(&acme.owner.id_token).send().await.expect(200);
    let places: Vec<i64> = answer
        .text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).expect("JSON")["sequence"].as_i64())
        .collect();
    assert_eq!(places, (1..=1_234).collect::<Vec<_>>());
}

async fn what_the_client_calls_itself_is_bounded(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    for (name, shown) in
        [("x".repeat(5_000), Some("x".repeat(256))), ("a\tb".to_owned(), Some("ab".to_owned())), (String::new(), None)]
    {
        let create = server.post(&acme.organization_path("/workspaces")).bearer(&acme.owner.id_token);
        let create = create.header("user-agent", &name).json(json!({ "name": "Staging" }));
        create.send().await.expect(201);
        let event = trail(&server.database, &acme.organization_id).pop().expect("an event");
        assert_eq!(event["userAgent"].as_str().filter(|shown| !shown.is_empty()), shown.as_deref(), "{name:.9}");
    }
}
