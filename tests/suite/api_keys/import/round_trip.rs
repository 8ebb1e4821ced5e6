//! What one Keyward writes, another reads.

use super::{done, err, failed, file, keys, out, path, server};
use crate::support::tenant::{EDITORS, User};
use crate::support::{Backend, Server, Tenant, environment, tests};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

tests![
    keys_move_to_another_server_and_work_there,
    an_export_has_whose_keys_were_asked_for_and_no_secret,
    an_export_overwrites_no_file_and_only_its_owner_reads_it,
];

/// The same people and places on another server, and how they are called there.
async fn counterpart<'s>(there: &'s Server, here: &Tenant<'_>, member: &User) -> (Tenant<'s>, [String; 2], User) {
    let tenant = Tenant::new(there).await;
    let token = tenant.invite(&member.email, "member", &[(&tenant.workspace_id, "editor")]).await.text_at("/token");
    let mut joined = User::sign_up_as(there, &member.email).await;
    crate::support::tenant::verify_email(there, &mut joined).await;
    let accept = there.post("/v1/invitations/accept").bearer(&joined.id_token);
    accept.json(json!({ "token": token })).send().await.expect(200);
    let maps = [
        format!("{}={}", here.workspace_id, tenant.workspace_id),
        format!("{}={}", here.owner.user_id, tenant.owner.user_id),
    ];
    (tenant, maps, joined)
}

async fn keys_move_to_another_server_and_work_there(db: Backend) {
    let (here, there) = (server(db).await, server(db).await);
    let tenant = Tenant::new(&here).await;
    let editor = tenant.add_to_workspace("editor").await;
    let one = tenant
        .create_key(
            &tenant.owner,
            json!({ "name": "=1+1, \"CI\"", "allowedIps": ["127.0.0.0/8"], "scope": "read_only" }),
        )
        .await;
    let other = tenant.create_key(&editor, json!({ "expiresAt": "2099-01-01T00:00:00Z" })).await;
    let disabled = tenant.create_key(&editor, json!({})).await;
    let revoked = tenant.create_key(&editor, json!({})).await;
    for (key, how) in [(&disabled, "/disable"), (&revoked, "/revoke")] {
        here.post(&tenant.key_path(key, how)).bearer(&tenant.owner.id_token).send().await.expect(200);
    }
    let transfer = here.post(&tenant.key_path(&other, "/transfer")).bearer(&tenant.owner.id_token);
    transfer.json(json!({ "userId": editor.user_id, "mode": "keep" })).send().await.expect(200);
    let roll = here.post(&tenant.key_path(&other, "/roll")).bearer(&editor.id_token);
    let rolled = roll.json(json!({ "overlapSeconds": 3600 })).send().await.expect(200).text_at("/plaintext");
    let (moved, maps, joined) = counterpart(&there, &tenant, &editor).await;
    for (format, imported) in [("jsonl", "3 imported"), ("csv", "3 are there already")] {
        let exported = keys(&here, &["export", "--format", format]).await;
        assert!(err(&exported).contains("3 keys\n1 of them were rolled with an overlap"), "{}", err(&exported));
        let file = file(&format!(".{format}"), &[done(&exported).trim_end().to_owned()]);
        let import = keys(&there, &["import", path(&file), "--map", &maps[0], "--map", &maps[1]]).await;
        assert!(done(&import).contains(imported), "{}", out(&import));
    }
    let whoami = async |key: &str| there.get("/v1/whoami").bearer(key).send().await;
    let found = whoami(&one.plaintext).await.expect(200);
    assert_eq!(
        (&found["keyId"], &found["workspaceId"], &found["scope"], &found["role"]),
        (&json!(one.id), &json!(moved.workspace_id), &json!("read_only"), &json!("admin"))
    );
    assert_eq!(whoami(&rolled).await.expect(200)["keyId"], other.id.as_str());
    whoami(&disabled.plaintext).await.expect_error(401, "api_key_disabled");
    whoami(&revoked.plaintext).await.expect_error(401, "invalid_api_key");
    whoami(&other.plaintext).await.expect_error(401, "invalid_api_key");
    let shown = there.get(&moved.key_path(&other, "")).bearer(&moved.owner.id_token).send().await.expect(200);
    assert_eq!((&shown["createdBy"], &shown["expiresAt"]), (&json!(joined.user_id), &other.body["expiresAt"]));
    assert_eq!(shown["permissions"], json!(EDITORS));
    let shown = there.get(&moved.key_path(&one, "")).bearer(&moved.owner.id_token).send().await.expect(200);
    for field in ["name", "preview", "allowedIps", "createdAt"] {
        assert_eq!(shown[field], one.body[field], "{field}");
    }
    // With what has ended, it is known there, too.
    let all = done(&keys(&here, &["export", "--all"]).await);
    let all = file(".jsonl", &[all.trim_end().to_owned()]);
    done(&keys(&there, &["import", path(&all), "--map", &maps[0], "--map", &maps[1]]).await);
    whoami(&revoked.plaintext).await.expect_error(401, "api_key_revoked");
}

async fn an_export_has_whose_keys_were_asked_for_and_no_secret(db: Backend) {
    let server = server(db).await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let sibling = one.add_workspace("Sibling").await;
    let (first, second) =
        (one.create_key(&one.owner, json!({})).await, other.create_key(&other.owner, json!({})).await);
    let path = format!("/v1/workspaces/{sibling}/api-keys");
    let third = server.post(&path).bearer(&one.owner.id_token).json(json!({})).send().await.expect(201);
    let soon = server.clock.now().plus(Duration::from_secs(3600)).to_string();
    let expiring = one.create_key(&one.owner, json!({ "expiresAt": soon })).await;
    let ids = async |arguments: &[&str]| {
        let text = done(&keys(&server, &[&["export"], arguments].concat()).await);
        for plaintext in [&first.plaintext, &second.plaintext, &expiring.plaintext] {
            assert!(!text.contains(plaintext));
        }
        let lines = text.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["id"].as_str().expect("an id").to_owned()
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]).await, [&*first.id, &second.id, &third.text_at("/id"), &expiring.id]);
    assert_eq!(ids(&["--organization", &one.organization_id]).await, [&*first.id, &third.text_at("/id"), &expiring.id]);
    assert_eq!(ids(&["--workspace", &sibling]).await, [&*third.text_at("/id")]);
}

async fn an_export_overwrites_no_file_and_only_its_owner_reads_it(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let directory = tempfile::tempdir_in(environment::directory()).expect("a directory");
    let file = directory.path().join("keys.csv");
    let name = file.to_str().expect("a plain path");
    done(&keys(&server, &["export", "--output", name]).await);
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).expect("a text");
    assert!(text.starts_with("id,workspaceId,name,createdBy,") && text.contains(&key.id), "{text}");
    let said = failed(&keys(&server, &["export", "--output", name]).await);
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("a text"), text);
}
