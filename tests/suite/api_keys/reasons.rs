//! Why a key was stopped: in the key's answers and in the audit trail, from every way to stop one.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};

tests![
    a_reason_is_on_the_key_and_in_the_trail,
    a_deletion_takes_its_reason_in_the_query,
    the_holder_of_a_key_gives_a_reason_once,
    many_keys_are_revoked_with_one_reason,
    the_operator_gives_a_reason,
    a_wrong_reason_is_refused_and_changes_nothing,
    a_reason_travels_with_an_export,
];

const REASONS: [&str; 5] = ["leaked", "unused", "rotated", "offboarding", "other"];

async fn act(server: &Server, tenant: &Tenant<'_>, key: &Key, action: &str, body: Value) -> Value {
    let request = server.post(&tenant.key_path(key, action)).bearer(&tenant.owner.id_token).json(body);
    request.send().await.expect(200).body
}

/// The newest event of a key with this action.
async fn event(server: &Server, tenant: &Tenant<'_>, key: &Key, action: &str) -> Value {
    let path = tenant.organization_path(&format!("/audit-events?action={action}&target={}", key.id));
    let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    events["data"][0].clone()
}

fn told(value: &Value) -> (Value, Value) {
    (value["reason"].clone(), value["comment"].clone())
}

async fn a_reason_is_on_the_key_and_in_the_trail(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let read = async || server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(told(&read().await.body), (Value::Null, Value::Null));
    let comment = "Ticket 42: seen in a screenshot".to_owned();
    let body = json!({ "reason": "other", "comment": format!("  {comment} ") });
    let disabled = act(&server, &tenant, &key, "/disable", body).await;
    assert_eq!((told(&disabled), &disabled["status"]), ((json!("other"), json!(comment)), &json!("disabled")));
    assert_eq!(told(&read().await.body), told(&disabled));
    let event_of = async |action: &str| event(&server, &tenant, &key, action).await;
    assert_eq!(told(&event_of("api_key.disabled").await["after"]), told(&disabled));
    // A key that works has no reason.
    let enabled = act(&server, &tenant, &key, "/enable", json!({})).await;
    assert_eq!(told(&enabled), (Value::Null, Value::Null));
    assert_eq!(told(&event_of("api_key.enabled").await["before"]), told(&disabled));
    let refused = server.post(&tenant.key_path(&key, "/enable")).bearer(&tenant.owner.id_token);
    refused.json(json!({ "reason": "other" })).send().await.expect_error(422, "validation_failed");

    act(&server, &tenant, &key, "/disable", json!({ "reason": "unused" })).await;
    let kept = act(&server, &tenant, &key, "/revoke", json!({})).await;
    assert_eq!(
        (told(&kept), &kept["status"]),
        ((json!("unused"), Value::Null), &json!("revoked")),
        "what is known stays"
    );
    let corrected = act(&server, &tenant, &key, "/revoke", json!({ "reason": "leaked" })).await;
    assert_eq!(told(&corrected), (json!("leaked"), Value::Null), "another one replaces it");
    assert_eq!(event_of("api_key.revoked").await["after"]["reason"], "leaked");
    for reason in REASONS {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        let revoked = act(&server, &tenant, &key, "/revoke", json!({ "reason": reason })).await;
        assert_eq!(told(&revoked), (json!(reason), Value::Null));
        assert_eq!(event(&server, &tenant, &key, "api_key.revoked").await["after"]["reason"], reason);
    }
    let listed =
        server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let listed: Vec<&Value> = listed["data"].as_array().expect("keys").iter().map(|key| &key["reason"]).collect();
    assert_eq!(listed, ["other", "offboarding", "rotated", "unused", "leaked", "leaked"]);
}

async fn a_deletion_takes_its_reason_in_the_query(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let delete = |query: &str| server.delete(&tenant.key_path(&key, query)).bearer(&tenant.owner.id_token);
    let before = dump(&server.database);
    // RFC 9110 gives the content of a DELETE no meaning, and proxies may drop it: there it would get lost unseen.
    let refused = delete("").json(json!({ "reason": "leaked" })).send().await.expect_error(422, "validation_failed");
    assert!(refused.text_at("/error/message").contains("takes no body"), "{}", refused.text);
    let refused = delete("?reason=lost").send().await.expect_error(400, "bad_request");
    let message = refused.text_at("/error/message");
    assert!(REASONS.iter().all(|reason| message.contains(reason)), "{message}");
    let long = format!("?reason=other&comment={}", "x".repeat(501));
    delete(&long).send().await.expect_error(400, "bad_request");
    assert_unchanged(&before, &server.database);
    delete("?reason=offboarding&comment=Left+us").send().await.expect(204);
    let event = event(&server, &tenant, &key, "api_key.deleted").await;
    assert_eq!(told(&event["after"]), (json!("offboarding"), json!("Left us")));
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    server.delete(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
}

async fn the_holder_of_a_key_gives_a_reason_once(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let revoke = |body: Value| server.post("/v1/whoami/revoke").bearer(&key.plaintext).json(body);
    revoke(json!({ "reason": "leaked", "comment": "pasted" })).send().await.expect(204);
    // Whoever found the key can't write another story over it.
    revoke(json!({ "reason": "other", "comment": "all is well" })).send().await.expect(204);
    let read = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(told(&read.body), (json!("leaked"), json!("pasted")));
    let event = event(&server, &tenant, &key, "api_key.revoked").await;
    assert_eq!(told(&event["after"]), told(&read.body));
}

async fn many_keys_are_revoked_with_one_reason(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let keys = [(); 2].map(|()| tenant.create_key(&tenant.owner, json!({})));
    for key in keys {
        key.await;
    }
    let body = json!({ "createdBy": tenant.owner.user_id, "reason": "offboarding", "comment": "Left us" });
    let request = server.post(&tenant.workspace_path("/api-keys/revoke")).bearer(&tenant.owner.id_token).json(body);
    let revoked = request.send().await.expect(200);
    let told: Vec<_> = revoked["data"].as_array().expect("keys").iter().map(told).collect();
    assert_eq!(told, vec![(json!("offboarding"), json!("Left us")); 2]);
    // It does not choose keys.
    let alone = server.post(&tenant.workspace_path("/api-keys/revoke")).bearer(&tenant.owner.id_token);
    alone.json(json!({ "reason": "leaked" })).send().await.expect_error(422, "validation_failed");
}

async fn the_operator_gives_a_reason(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let owner = &tenant.owner.user_id;
    let revoke = ["keys", "revoke", "--workspace", &tenant.workspace_id, "--creator", owner, "--reason"];
    let refused = process::output(process::command_on(&server.database, &[&revoke[..], &["lost"]].concat())).await;
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && REASONS.iter().all(|reason| stderr.contains(reason)), "{stderr}");
    let told_of = [&revoke[..], &["leaked", "--comment", "Found by us"]].concat();
    let done = process::output(process::command_on(&server.database, &told_of)).await;
    assert!(done.status.success(), "{done:?}");
    let read = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(told(&read.body), (json!("leaked"), json!("Found by us")));
}

async fn a_wrong_reason_is_refused_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let bad = [
        (json!({ "reason": "lost" }), "reason"),
        (json!({ "reason": 5 }), "reason"),
        (json!({ "reason": "Leaked" }), "reason"),
        (json!({ "comment": "x".repeat(501) }), "comment"),
        (json!({ "comment": "a\u{202e}b" }), "comment"),
        (json!({ "reason": "leaked", "why": "x" }), "why"),
        (json!(["leaked"]), "body"),
    ];
    let before = dump(&server.database);
    for path in [tenant.key_path(&key, "/revoke"), tenant.key_path(&key, "/disable"), "/v1/whoami/revoke".to_owned()] {
        for (body, field) in &bad {
            let credential = if path.ends_with("/whoami/revoke") { &key.plaintext } else { &tenant.owner.id_token };
            let refused = server.post(&path).bearer(credential).json(body.clone()).send().await;
            let refused = refused.expect_error(422, "validation_failed");
            assert_eq!(refused["error"]["details"][0]["field"], **field, "{body}: {}", refused.text);
            let message = refused.text_at("/error/details/0/message");
            let names_all = REASONS.iter().all(|reason| message.contains(reason));
            assert!(names_all || *field != "reason" || body["reason"].is_number(), "{message}");
        }
    }
    assert_unchanged(&before, &server.database);
    // The longest comment is counted in characters.
    let longest = json!({ "comment": "é".repeat(500) });
    assert_eq!(act(&server, &tenant, &key, "/disable", longest.clone()).await["comment"], longest["comment"]);
}

async fn a_reason_travels_with_an_export(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    act(&server, &tenant, &key, "/revoke", json!({ "reason": "leaked", "comment": "Pasted" })).await;
    let export = ["keys", "export", "--workspace", &tenant.workspace_id, "--all"];
    let exported = process::run(&server.database, &export).await;
    let line: Value = serde_json::from_str(exported.lines().next().expect("a key")).expect("JSON");
    assert_eq!(told(&line), (json!("leaked"), json!("Pasted")));
    // Into a workspace without the key.
    server.delete(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    let file = crate::support::environment::directory().join(format!("{}.jsonl", key.id));
    std::fs::write(&file, &exported).expect("written");
    process::run(&server.database, &["keys", "import", file.to_str().expect("a path")]).await;
    let read = server.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!((told(&read.body), &read["status"]), ((json!("leaked"), json!("Pasted")), &json!("revoked")));
}
