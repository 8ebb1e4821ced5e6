//! Keys that another product issued work here.

use super::{done, file, foreign, hex, keys, keys_from_input, path, server, sha256};
use crate::support::tenant::service_token;
use crate::support::{Backend, Tenant, secrets, tests};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

tests![
    keys_of_other_formats_work_after_their_import,
    a_key_that_was_tried_in_vain_before_works_at_once,
    a_csv_of_another_products_names_is_mapped,
    a_key_is_in_force_as_the_row_says,
    a_thousand_keys_go_in_by_several_transactions_with_an_event_each,
];

async fn keys_of_other_formats_work_after_their_import(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    let own = keyward::domain::api_keys::KeyFormat::base62("sk_live_").generate();
    secrets::register(own.expose());
    let plain = foreign("acme_", 24);
    let (hexed, based, url) = (foreign("acme_", 8), foreign("", 64), foreign("acme_", 40));
    let row = |more: Value| {
        let mut row = json!({ "workspaceId": tenant.workspace_id, "createdBy": editor.email.to_uppercase() });
        row.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        row.to_string()
    };
    let lines = [
        row(json!({ "plaintext": plain, "name": "Plain" })),
        row(json!({ "sha256": hex(&sha256(&hexed)), "prefix": "acme_abc", "scope": "read_only" })),
        String::new(),
        row(json!({ "sha256": STANDARD.encode(sha256(&based)) })),
        row(json!({ "hash": URL_SAFE_NO_PAD.encode(sha256(&url)), "start": "acme_" })),
        row(json!({ "plaintext": own.expose() })),
    ];
    let file = file(".jsonl", &lines);
    assert!(done(&keys(&server, &["import", path(&file)]).await).contains("5 imported"));
    let service = service_token(&server.database).await;
    for key in [&*plain, &hexed, &based, &url, own.expose()] {
        let whoami = server.get("/v1/whoami").bearer(key).send().await.expect(200);
        assert_eq!((&whoami["workspaceId"], &whoami["role"]), (&json!(tenant.workspace_id), &json!("editor")));
        server.get("/v1/whoami").header("x-api-key", key).send().await.expect(200);
        let verify = server.post("/v1/keys/verify").bearer(&service).json(json!({ "key": key }));
        assert_eq!(verify.send().await.expect(200)["code"], "VALID");
    }
    let list = server.get(&tenant.workspace_path("/api-keys")).bearer(&editor.id_token).send().await.expect(200);
    let mut previews: Vec<&str> =
        list["data"].as_array().expect("a list").iter().filter_map(|key| key["preview"].as_str()).collect();
    previews.sort_unstable();
    let shown = [
        "...".to_owned(),
        "acme_...".to_owned(),
        "acme_abc...".to_owned(),
        format!("acme_{}...{}", &plain[5..8], &plain[26..]),
        format!("sk_live_{}...{}", &own.expose()[8..11], &own.expose()[37..]),
    ];
    let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    shown.sort_unstable();
    assert_eq!(previews, shown);
    // What looks like them and is nobody's, and what looks like none.
    for nobodys in [foreign("acme_", 24), foreign("", 64), foreign("acme_", 41), foreign("acme_", 7)] {
        server.get("/v1/whoami").bearer(&nobodys).send().await.expect_error(401, "invalid_api_key");
    }
}

async fn a_key_that_was_tried_in_vain_before_works_at_once(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let key = foreign("acme_", 24);
    server.get("/v1/whoami").bearer(&key).send().await.expect_error(401, "invalid_api_key");
    let row = json!({ "plaintext": key }).to_string();
    let arguments = ["import", "-", "--format", "jsonl", "--workspace", &tenant.workspace_id];
    let output =
        keys_from_input(&server, &[&arguments[..], &["--creator", &tenant.owner.user_id]].concat(), &row).await;
    assert!(done(&output).contains("1 imported"));
    server.get("/v1/whoami").bearer(&key).send().await.expect(200);
}

async fn a_csv_of_another_products_names_is_mapped(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let (one, other) = (foreign("acme_", 24), foreign("acme_", 24));
    let lines = [
        "\u{feff}workspace,creator,name,hash,start,expires_at,allowed_ips".to_owned(),
        format!("proj_1,user_1,\"CI, nightly\",{},acme_,2099-01-01T00:00:00Z,127.0.0.0/8 ::1", hex(&sha256(&one))),
        format!("{},{},\"two\nlines\",{},,,", tenant.workspace_id, tenant.owner.email, hex(&sha256(&other))),
    ];
    let bad = file(".csv", &lines);
    let (workspace, owner) = (format!("proj_1={}", tenant.workspace_id), format!("user_1={}", tenant.owner.user_id));
    let said = super::failed(&keys(&server, &["import", path(&bad), "--map", &workspace, "--map", &owner]).await);
    assert!(said.contains("line 3: name: must not contain control characters"), "{said}");
    assert!(!said.contains("line 2"), "{said}");
    let good = file(".csv", &[lines[0].clone(), lines[1].clone(), lines[2].replace('\n', " ")]);
    assert!(
        done(&keys(&server, &["import", path(&good), "--map", &workspace, "--map", &owner]).await)
            .contains("2 imported")
    );
    server.get("/v1/whoami").bearer(&one).send().await.expect(200);
    let list = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    let all = list["data"].as_array().expect("a list");
    let first = all.iter().find(|key| key["name"] == "CI, nightly").expect("the first one");
    assert_eq!(first["expiresAt"], "2099-01-01T00:00:00.000Z");
    assert_eq!(first["allowedIps"], json!(["127.0.0.0/8", "::1/128"]));
    assert!(all.iter().any(|key| key["name"] == "two lines"));
}

async fn a_key_is_in_force_as_the_row_says(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let texts: Vec<String> = (0..4).map(|_| foreign("acme_", 24)).collect();
    let states = [
        (json!({ "disabledAt": "2026-01-01T00:00:00Z" }), "api_key_disabled"),
        (json!({ "revokedAt": "2026-01-01T00:00:00Z" }), "api_key_revoked"),
        (json!({ "orphanedAt": "2026-01-01T00:00:00Z" }), "api_key_orphaned"),
        (json!({ "expiresAt": "2026-01-01T00:00:00Z" }), "api_key_expired"),
    ];
    let lines: Vec<String> = texts
        .iter()
        .zip(&states)
        .map(|(text, (state, _))| {
            let mut row = json!({
                "workspaceId": tenant.workspace_id, "createdBy": tenant.owner.user_id, "sha256": hex(&sha256(text)),
                "createdAt": "2025-12-01T00:00:00Z", "lastUsedAt": "2025-12-31T00:00:00Z",
            });
            row.as_object_mut().expect("an object").extend(state.as_object().expect("an object").clone());
            row.to_string()
        })
        .collect();
    let file = file(".jsonl", &lines);
    assert!(done(&keys(&server, &["import", path(&file)]).await).contains("4 imported"));
    for (text, (_, code)) in texts.iter().zip(&states) {
        server.get("/v1/whoami").bearer(text).send().await.expect_error(401, code);
    }
    let list = server.get(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(list["data"][0]["createdAt"], "2025-12-01T00:00:00.000Z");
    assert_eq!(list["data"][0]["lastUsedAt"], "2025-12-31T00:00:00.000Z");
}

async fn a_thousand_keys_go_in_by_several_transactions_with_an_event_each(db: Backend) {
    let server = server(db).await;
    let tenant = Tenant::new(&server).await;
    let texts: Vec<String> = (0..1_203).map(|_| foreign("acme_", 24)).collect();
    let lines: Vec<String> = texts.iter().map(|text| json!({ "plaintext": text }).to_string()).collect();
    let file = file(".jsonl", &lines);
    let arguments = ["import", path(&file), "--workspace", &tenant.workspace_id, "--creator", &tenant.owner.email];
    assert!(done(&keys(&server, &arguments).await).contains("1203 imported"), "more than the plan's limit");
    assert!(done(&keys(&server, &arguments).await).contains("0 imported"));
    for text in [&texts[0], &texts[600], &texts[1_202]] {
        server.get("/v1/whoami").bearer(text).send().await.expect(200);
    }
    let verified = crate::support::process::run(&server.database, &["audit", "verify", &tenant.organization_id]).await;
    assert!(verified.contains("whole\t1205 events"), "{verified}");
    let path = tenant.organization_path("/audit-events?action=api_key.imported&pageSize=1");
    let event = &server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200)["data"][0];
    assert_eq!(event["actor"], json!({ "kind": "operator", "id": null, "name": "ops", "email": null }));
    assert_eq!((&event["after"]["createdBy"], &event["before"]), (&json!(tenant.owner.user_id), &Value::Null));
}
