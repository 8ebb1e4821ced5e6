//! Service tokens: what they may do, where, until when, and by which value.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::backend_token;
use crate::support::{Backend, Server, Tenant, process, secrets, tests};
use serde_json::json;
use std::time::Duration;

tests![
    a_token_is_listed_with_what_it_may_do_where_and_until_when,
    wrong_arguments_are_refused_with_words_and_make_nothing,
    a_rolled_token_has_a_new_value_and_the_old_one_ends_with_the_overlap,
    what_a_token_may_is_what_the_operator_said_last_on_every_node,
    a_bound_token_verifies_keys_of_its_organization_only,
    a_token_without_the_permission_verifies_nothing_also_from_memory,
    moving_a_members_keys_takes_the_permission_to_write_keys,
];

/// Makes one: its id and its value.
async fn make(server: &Server, more: &[&str]) -> (String, String) {
    value_of(&process::run(&server.database, &[&["service-token", "create", "--name", "Backend"], more].concat()).await)
}

/// The two lines that show a new value.
fn value_of(printed: &str) -> (String, String) {
    let (id, token) = printed.trim().split_once('\n').expect("its id and its text");
    secrets::register(token);
    (id.to_owned(), token.to_owned())
}

async fn a_token_is_listed_with_what_it_may_do_where_and_until_when(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let (plain, _) = make(&server, &[]).await;
    let more = ["--can", "keys:write,organizations:write", "--organization", &tenant.organization_id];
    let (bound, _) = make(&server, &[&more[..], &["--expires-at", "2099-01-31T00:00:00Z"]].concat()).await;
    let (soon, _) = make(&server, &["--expires-in", "90d"]).await;
    let list = process::run(&server.database, &["service-token", "list"]).await;
    let line = |id: &str| list.lines().find(|line| line.starts_with(id)).expect("listed").to_owned();
    assert!(line(&plain).contains("\tactive\t") && line(&plain).contains("\tkeys:verify\tall organizations\tno end\t"));
    let end = format!("\torganizations:write,keys:write\t{}\t2099-01-31T00:00:00.000Z\t", tenant.organization_id);
    assert!(line(&bound).contains(&end), "{list}");
    assert!(line(&soon).contains("Z\tBackend"), "{list}");
}

async fn wrong_arguments_are_refused_with_words_and_make_nothing(db: Backend) {
    let server = Server::start(db).await;
    let (id, _) = make(&server, &[]).await;
    let (revoked, _) = make(&server, &[]).await;
    process::run(&server.database, &["service-token", "revoke", &revoked]).await;
    let before = dump(&server.database);
    let create = ["create", "--name", "Backend"];
    let nowhere = "org_01k4w5c9q2e0vb7m3t8z6r1xhd";
    let rows: [(Vec<&str>, &str); 13] = [
        ([&create[..], &["--can", "keys"]].concat(), "must be one of: keys:verify"),
        ([&create[..], &["--can", ""]].concat(), "must be one of"),
        ([&create[..], &["--can", "keys:read,keys:read"]].concat(), "named twice"),
        ([&create[..], &["--organization", nowhere]].concat(), "there is no organization"),
        ([&create[..], &["--organization", "acme"]].concat(), "must be an id"),
        ([&create[..], &["--expires-at", "2020-01-01T00:00:00Z"]].concat(), "in the future"),
        ([&create[..], &["--expires-in", "soon"]].concat(), "a whole number and a unit"),
        ([&create[..], &["--expires-in", "0s"]].concat(), "in the future"),
        (
            [&create[..], &["--expires-in", "1d", "--expires-at", "2099-01-01T00:00:00Z"]].concat(),
            "cannot be used with",
        ),
        (vec!["change", &id], "say what to change"),
        (vec!["change", &revoked, "--can", "keys:read"], "revoked"),
        (vec!["roll", &id, "--overlap", "31d"], "at most 30d"),
        (vec!["roll", &revoked], "revoked"),
    ];
    for (arguments, words) in rows {
        let arguments = [&["service-token"], &arguments[..]].concat();
        let output = process::output(process::command_on(&server.database, &arguments)).await;
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(words), "{arguments:?}: {message}");
    }
    assert_unchanged(&before, &server.database);
}

async fn a_rolled_token_has_a_new_value_and_the_old_one_ends_with_the_overlap(db: Backend) {
    let server = Server::start(db).await;
    let (id, first) = make(&server, &["--can", "organizations:read"]).await;
    let roll = async |overlap: &str| {
        let (rolled, value) =
            value_of(&process::run(&server.database, &["service-token", "roll", &id, "--overlap", overlap]).await);
        assert_eq!(rolled, id);
        value
    };
    let asked = async |value: &str| server.get("/v1/organizations").bearer(value).send().await;
    asked(&first).await.expect(200);
    let second = roll("15m").await;
    asked(&first).await.expect(200);
    asked(&second).await.expect(200);
    // A second roll ends the value before the one before.
    let third = roll("15m").await;
    asked(&first).await.expect_error(401, "invalid_api_key");
    asked(&second).await.expect(200);
    server.clock.advance(Duration::from_secs(15 * 60 + 60));
    asked(&second).await.expect_error(401, "invalid_api_key");
    asked(&third).await.expect(200);
    let fourth = roll("0s").await;
    asked(&third).await.expect_error(401, "invalid_api_key");
    asked(&fourth).await.expect(200);
}

async fn what_a_token_may_is_what_the_operator_said_last_on_every_node(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let (id, token) = make(&server, &["--can", "organizations:read"]).await;
    let nodes = [&server, &node];
    for node in nodes {
        node.get("/v1/organizations").bearer(&token).send().await.expect(200);
    }
    let change =
        async |more: &[&str]| process::run(&server.database, &[&["service-token", "change", &id], more].concat()).await;
    change(&["--can", "keys:read"]).await;
    for node in nodes {
        let refused = node.get("/v1/organizations").bearer(&token).send().await;
        let refused = refused.expect_error(403, "insufficient_permission");
        assert!(refused.text_at("/error/message").contains("organizations:read"), "{}", refused.text);
    }
    let end = server.clock.now().plus(Duration::from_secs(60)).to_string();
    change(&["--can", "organizations:write", "--expires-at", &end]).await;
    for node in nodes {
        node.get("/v1/organizations").bearer(&token).send().await.expect(200);
    }
    server.clock.advance(Duration::from_secs(61));
    for node in nodes {
        node.get("/v1/organizations").bearer(&token).send().await.expect_error(401, "api_key_expired");
    }
    change(&["--no-expiry"]).await;
    for node in nodes {
        node.get("/v1/organizations").bearer(&token).send().await.expect(200);
    }
}

async fn a_bound_token_verifies_keys_of_its_organization_only(db: Backend) {
    let server = Server::start(db).await;
    let (acme, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let own = acme.create_key(&acme.owner, json!({})).await;
    let other = globex.create_key(&globex.owner, json!({})).await;
    let (_, token) = make(&server, &["--organization", &acme.organization_id]).await;
    // The second time both are in memory.
    for _ in 0..2 {
        for (key, code) in [(&own, "VALID"), (&other, "NOT_FOUND")] {
            let ask = server.post("/v1/keys/verify").bearer(&token).json(json!({ "key": key.plaintext }));
            let answer = ask.send().await.expect(200);
            assert_eq!(answer["code"], code, "{}", answer.text);
            assert!(code == "VALID" || answer["workspaceId"].is_null(), "{}", answer.text);
        }
    }
}

async fn a_token_without_the_permission_verifies_nothing_also_from_memory(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let without = backend_token(&server.database, "keys:write", &[]).await;
    let end = server.clock.now().plus(Duration::from_secs(600)).to_string();
    let ending = backend_token(&server.database, "keys:verify", &["--expires-at", &end]).await;
    let ask = async |token: &str| {
        server.post("/v1/keys/verify").bearer(token).json(json!({ "key": key.plaintext })).send().await
    };
    for _ in 0..2 {
        ask(&without).await.expect_error(403, "insufficient_permission");
        assert_eq!(ask(&ending).await.expect(200)["code"], "VALID");
    }
    server.clock.advance(Duration::from_secs(601));
    for _ in 0..2 {
        ask(&ending).await.expect_error(401, "api_key_expired");
    }
}

async fn moving_a_members_keys_takes_the_permission_to_write_keys(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_to_workspace("editor").await;
    tenant.create_key(&member, json!({})).await;
    let narrow = backend_token(&server.database, "members:write", &[]).await;
    let wide = backend_token(&server.database, "members:write,keys:write", &[]).await;
    let heir = &tenant.owner.user_id;
    let before = dump(&server.database);
    for path in [tenant.organization_path(""), tenant.workspace_path("")] {
        for name in ["transferKeysTo", "transfer%4BeysTo"] {
            let path = format!("{path}/members/{}?{name}={heir}&mode=roll", member.user_id);
            let refused = server.delete(&path).bearer(&narrow).send().await;
            let refused = refused.expect_error(403, "insufficient_permission");
            assert!(refused.text.contains("keys:write"), "{}", refused.text);
        }
    }
    assert_unchanged(&before, &server.database);
    let path = tenant.organization_path(&format!("/members/{}?transferKeysTo={heir}&mode=roll", member.user_id));
    let removed = server.delete(&path).bearer(&wide).send().await.expect(200);
    assert_eq!(removed["rolledKeys"].as_array().map(Vec::len), Some(1), "{}", removed.text);
}
