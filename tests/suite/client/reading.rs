//! `keyward whoami`, `keyward get`, and a collection by its name: what they print.

use super::home::Home;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    json_is_the_servers_body_to_the_letter,
    a_collection_is_read_page_by_page_or_whole,
    a_table_shows_all_fields,
    a_path_of_a_collection_can_be_nested,
];

async fn json_is_the_servers_body_to_the_letter(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "CI" })).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    for (path, arguments) in [
        ("/v1/whoami", ["whoami", "--json"].as_slice()),
        ("/v1/members", &["get", "members", "--json"]),
        ("/v1/members", &["members", "--json"]),
        ("/v1/members?pageSize=1", &["get", "members", "--page-size", "1", "--json"]),
    ] {
        let body = server.get(path).bearer(&key.plaintext).send().await.expect(200).text;
        let printed = home.run(arguments).await.expect(0);
        assert_eq!((printed.out, printed.err), (format!("{body}\n"), String::new()), "{arguments:?}");
    }
}

async fn a_collection_is_read_page_by_page_or_whole(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    for _ in 0..2 {
        tenant.add_to_workspace("viewer").await;
    }
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let whole = home.run(&["members", "--json"]).await.expect(0).json();
    assert_eq!(whole["data"].as_array().map(Vec::len), Some(3));
    let first = home.run(&["members", "--page-size", "2", "--json"]).await.expect(0).json();
    let cursor = first["nextCursor"].as_str().expect("there is a second page");
    let second = home.run(&["members", "--page-size=2", "--cursor", cursor, "--json"]).await.expect(0).json();
    assert_eq!((&first["data"][1], &second["data"][0]), (&whole["data"][1], &whole["data"][2]));
    let all = home.run(&["members", "--all", "--page-size", "1", "--json"]).await.expect(0);
    assert_eq!(all.json(), whole);
    let table = home.run(&["members", "--page-size", "2"]).await.expect(0);
    assert!(table.err.contains(&format!("--cursor {cursor}")), "{table:?}");
    // What the server can't filter by is its own to refuse.
    home.run(&["members", "--filter", "role=viewer"]).await.expect(1).saying(&["400 bad_request: ", "role"]);
    home.run(&["members", "--sort", "-role"]).await.expect(1).saying(&["400 bad_request: ", "sort"]);
    home.run(&["members", "--cursor", "nonsense"]).await.expect(1).saying(&["400 bad_request: "]);
}

async fn a_table_shows_all_fields(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "CI" })).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let table = home.run(&["members"]).await.expect(0);
    let lines: Vec<Vec<&str>> = table.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["id", "email", "name", "role", "joinedAt", "status"]);
    assert_eq!(lines[1][..4], [tenant.owner.user_id.as_str(), tenant.owner.email.as_str(), "-", "admin"]);
    let record = home.run(&["whoami"]).await.expect(0);
    assert!(record.out.contains("kind            api_key\n"), "{record:?}");
    assert!(record.out.contains(&format!("keyId           {}\n", key.id)), "{record:?}");
}

async fn a_path_of_a_collection_can_be_nested(db: Backend) {
    let server = Server::with(db, |config| config.keys.manage_with_keys = true).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "name": "CI" })).await;
    let home = Home::configured(&server.url("/v1"), &key.plaintext, &tenant.workspace_id).await;
    let path = format!("workspaces/{}/api-keys", tenant.workspace_id);
    let one = home.run(&[&path, &key.id, "--json"]).await.expect(0).json();
    assert_eq!((&one["name"], &one["id"]), (&json!("CI"), &json!(key.id)));
    let list = home.run(&["get", &path, "--all"]).await.expect(0);
    assert!(list.out.contains(&key.id) && list.out.contains("preview"), "{list:?}");
    home.run(&["get", &path, "..", "--json"]).await.expect(2).saying(&["no . or .."]);
    home.run(&["get", &path, &key.id, "--all"]).await.expect(2).saying(&["cannot be used with"]);
}
