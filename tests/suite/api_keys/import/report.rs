//! What is wrong is told by line, and changes nothing; what was done before is not done again.

use super::{done, failed, file, foreign, hex, keys, path, server, sha256};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Tenant, secrets, tests};
use serde_json::json;

tests![
    one_bad_line_and_nothing_is_imported,
    a_file_that_can_not_be_read_as_such_is_refused,
    the_same_file_again_imports_nothing_and_brings_nothing_back,
    the_same_key_with_other_data_is_a_conflict,
    a_dry_run_changes_nothing,
];

async fn one_bad_line_and_nothing_is_imported(db: Backend) {
    let server = server(db).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let viewer = tenant.add_member("member", &[]).await;
    let good = foreign("acme_", 24);
    let row = |field: &str, value: &str| {
        let mut row = json!({
            "workspaceId": tenant.workspace_id, "createdBy": tenant.owner.email, "sha256": hex(&sha256(&foreign("x", 9))),
        });
        match value {
            "" => _ = row.as_object_mut().expect("an object").remove(field),
            value => row[field] = json!(value),
        }
        row.to_string()
    };
    // In whatever field a key stands by mistake, nobody repeats it.
    let misplaced = foreign("acme_", 30);
    let nowhere = keyward::base::ids::WorkspaceId::new().to_string();
    let cases: Vec<(String, &str)> = vec![
        (row("plaintext", &good), "sha256: is not the SHA-256 of the plaintext"),
        (row("sha256", ""), "sha256: is missing"),
        (row("sha256", &misplaced), "sha256: must be the SHA-256 of the whole key"),
        (row("sha256", "$2b$12$KIXIDxyz"), "it has 15"),
        (row("plaintext", &foreign("other_", 20)), "plaintext: does not look like a key of this server"),
        (row("workspaceId", ""), "workspaceId: is missing"),
        (row("workspaceId", &misplaced), "workspaceId: must be the id of a workspace here"),
        (row("workspaceId", &nowhere), "workspaceId: there is no such workspace here"),
        (row("createdBy", ""), "createdBy: is missing"),
        (row("createdBy", &misplaced), "createdBy: must be the id of a user here, or an e-mail address"),
        (row("createdBy", &other.owner.email), "createdBy: is no member of the workspace's organization"),
        (row("createdBy", &other.owner.user_id), "createdBy: is no member here who may create API keys"),
        (row("createdBy", &viewer.email), "createdBy: is no member here who may create API keys"),
        (row("scope", &misplaced), "scope: must be one of: full, read_only"),
        (row("allowedIps", &misplaced), "allowedIps: must be at most 50 addresses or blocks"),
        (row("expiresAt", &misplaced), "expiresAt: must be an RFC 3339 time"),
        (row("createdAt", "2999-01-01T00:00:00Z"), "createdAt: must not be in the future"),
        (row("id", &misplaced), "id: must be an id such as key_"),
        (row("name", &misplaced.repeat(4)), "name: must be 1 to 100 characters"),
        (row("preview", &misplaced.repeat(4)), "preview: must be at most 64 visible ASCII characters"),
        (row(&misplaced, "x"), "has a field that is not known"),
        (format!("{{\"plaintext\":\"{misplaced}\",}}"), "is not a JSON object (column "),
        (format!("\"{misplaced}\""), "is not a JSON object"),
        (format!("{{\"name\":\"{}\"}}", "x".repeat(70_000)), "is longer than 65536 bytes"),
        (json!({ "plaintext": [misplaced] }).to_string(), "plaintext: must be a text or null"),
    ];
    let mut lines: Vec<String> = cases.iter().map(|(line, _)| line.clone()).collect();
    let plain = json!({ "workspaceId": tenant.workspace_id, "createdBy": tenant.owner.email, "plaintext": good });
    let mut shown = plain.clone();
    shown["preview"] = json!(good);
    lines.extend([plain.to_string(), String::new(), shown.to_string(), plain.to_string()]);
    let before = dump(&server.database);
    let file = file(".jsonl", &lines);
    let said = failed(&keys(&server, &["import", path(&file)]).await);
    for (number, (_, message)) in (1..).zip(&cases) {
        assert!(
            said.lines().any(|line| line.starts_with(&format!("line {number}: {message}"))
                || line.starts_with(&format!("line {number}: ")) && line.contains(message)),
            "{number}: {message} is not in {said}"
        );
    }
    let count = cases.len();
    assert!(said.contains(&format!("line {}: preview: is the key itself", count + 3)), "{said}");
    assert!(said.contains(&format!("line {}: the same key is on line {} already", count + 4, count + 1)), "{said}");
    assert!(!said.contains(&format!("line {}: ", count + 1)), "{said}");
    assert!(said.contains(&format!("{} lines are wrong: nothing was imported", count + 2)), "{said}");
    assert!(!said.contains(&misplaced) && !said.contains(&good), "no key is repeated");
    assert_unchanged(&before, &server.database);
    server.get("/v1/whoami").bearer(&good).send().await.expect_error(401, "invalid_api_key");
}

async fn a_file_that_can_not_be_read_as_such_is_refused(db: Backend) {
    let server = server(db).await;
    let before = dump(&server.database);
    let key = foreign("acme_", 24);
    let headless = file(".csv", &[format!("{key},CI")]);
    let said = failed(&keys(&server, &["import", path(&headless)]).await);
    assert!(said.contains("the first line: column 1 has a field that is not known") && !said.contains(&key), "{said}");
    let twice = file(".csv", &["hash,sha256".to_owned()]);
    assert!(failed(&keys(&server, &["import", path(&twice)]).await).contains("names sha256 twice"));
    let ragged = file(".csv", &["name,sha256".to_owned(), "one".to_owned()]);
    assert!(
        failed(&keys(&server, &["import", path(&ragged)]).await)
            .contains("line 2: has 1 fields, and the first line names 2")
    );
    let unnamed = file(".txt", &[]);
    assert!(failed(&keys(&server, &["import", path(&unnamed)]).await).contains("--format"));
    assert!(failed(&keys(&server, &["import", "/nowhere/keys.jsonl"]).await).contains("/nowhere/keys.jsonl"));
    let empty = file(".jsonl", &[]);
    assert!(done(&keys(&server, &["import", path(&empty)]).await).contains("0 imported"));
    // An empty one tells the nodes once more, should an earlier import have ended early.
    let tables =
        |dump: std::collections::BTreeMap<String, String>| (dump["api_keys"].clone(), dump["audit_events"].clone());
    assert_eq!(tables(before), tables(dump(&server.database)));
}

async fn the_same_file_again_imports_nothing_and_brings_nothing_back(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let texts: Vec<String> = (0..4).map(|_| foreign("acme_", 24)).collect();
    let lines: Vec<String> =
        texts.iter().map(|text| json!({ "sha256": hex(&sha256(text)), "preview": "acme_" }).to_string()).collect();
    let file = file(".jsonl", &lines);
    let arguments = ["import", path(&file), "--workspace", &tenant.workspace_id, "--creator", &tenant.owner.email];
    assert!(done(&keys(&server, &arguments).await).contains("4 imported"));
    let again = done(&keys(&server, &arguments).await);
    assert!(again.contains("4 are there already") && again.contains("0 imported"), "{again}");
    let list = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let key = |place: usize| Key {
        id: list.text_at(&format!("/data/{place}/id")),
        plaintext: String::new(),
        body: list["data"][place].clone(),
    };
    server.delete(&tenant.key_path(&key(0), "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    let roll = server.post(&tenant.key_path(&key(1), "/roll")).bearer(&tenant.owner.id_token).send().await.expect(200);
    secrets::register(&roll.text_at("/plaintext"));
    server.post(&tenant.key_path(&key(2), "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let again = done(&keys(&server, &arguments).await);
    assert!(again.contains("2 are there already") && again.contains("0 imported"), "{again}");
    assert!(again.contains("2 were imported before and rolled or deleted since: left alone"), "{again}");
    let mut alive = 0;
    for text in &texts {
        alive += u32::from(server.get("/v1/whoami").bearer(text).send().await.status == 200);
    }
    assert_eq!(alive, 1, "what was deleted, rolled and revoked stays so");
}

async fn the_same_key_with_other_data_is_a_conflict(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let elsewhere = tenant.add_workspace("Elsewhere").await;
    let key = foreign("acme_", 24);
    let row = json!({
        "workspaceId": tenant.workspace_id, "createdBy": tenant.owner.email, "plaintext": key, "name": "CI",
    });
    let first = file(".jsonl", &[row.to_string()]);
    done(&keys(&server, &["import", path(&first)]).await);
    let before = dump(&server.database);
    for (field, value) in [
        ("workspaceId", elsewhere.as_str()),
        ("name", "CD"),
        ("scope", "read_only"),
        ("expiresAt", "2099-01-01T00:00:00Z"),
        ("allowedIps", "127.0.0.1"),
        ("revokedAt", "2026-01-01T00:00:00Z"),
        ("disabledAt", "2026-01-01T00:00:00Z"),
    ] {
        let mut other = row.clone();
        other[field] = json!(value);
        let other = file(".jsonl", &[other.to_string()]);
        let said = failed(&keys(&server, &["import", path(&other)]).await);
        assert!(said.contains("line 1: the key is there already as key_") && said.contains(field), "{field}: {said}");
    }
    let taken = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let mut other = row.clone();
    (other["plaintext"], other["id"]) = (json!(foreign("acme_", 24)), taken["data"][0]["id"].clone());
    let other = file(".jsonl", &[other.to_string()]);
    assert!(
        failed(&keys(&server, &["import", path(&other)]).await).contains("line 1: id: is that of another key here")
    );
    assert_unchanged(&before, &server.database);
}

async fn a_dry_run_changes_nothing(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let row = json!({
        "workspaceId": tenant.workspace_id, "createdBy": tenant.owner.email, "sha256": hex(&sha256(&foreign("x", 9))),
        "preview": "other_",
    });
    let file = file(".jsonl", &[row.to_string()]);
    let before = dump(&server.database);
    let said = done(&keys(&server, &["import", path(&file), "--dry-run"]).await);
    // `""` of the configured formats takes any start; the default configuration does not.
    assert!(said.contains("1 would be imported"), "{said}");
    assert_unchanged(&before, &server.database);
}
