//! Blocks of addresses are canonical wherever they stand, or refused with the form that they must have.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, Tenant, tests};
use diesel::connection::SimpleConnection;
use keyward::base::sql::Conn;
use serde_json::json;

tests![
    a_key_is_bound_to_the_ipv4_block_of_a_mapped_one,
    a_block_that_could_match_no_one_is_refused_and_changes_nothing,
    a_block_that_an_older_version_stored_counts_in_its_normal_form,
    a_trusted_proxy_is_trusted_in_either_form,
];

async fn a_key_is_bound_to_the_ipv4_block_of_a_mapped_one(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let blocks = json!(["::ffff:127.0.0.0/104", "::FFFF:cb00:7109/120", "203.0.113.9", "2001:DB8::1/32"]);
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": blocks })).await;
    let normal = json!(["127.0.0.0/8", "203.0.113.0/24", "203.0.113.9/32", "2001:db8::/32"]);
    assert_eq!(key.body["allowedIps"], normal);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token);
    let changed = change.json(json!({ "allowedIps": ["::ffff:10.0.0.0/104"] })).send().await.expect(200);
    assert_eq!(changed["allowedIps"], json!(["10.0.0.0/8"]));
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(403, "ip_not_allowed");
}

async fn a_block_that_could_match_no_one_is_refused_and_changes_nothing(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await;
    let before = dump(&server.database);
    for (block, hint) in [
        ("::ffff:203.0.113.0/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.0/95", "/96 to /128"),
        ("fe80::1%eth0", "zone"),
        ("203.0.113.0/33", "203.0.113.0/24"),
        ("", "203.0.113.0/24"),
    ] {
        let body = json!({ "allowedIps": [block] });
        let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token).json(body.clone());
        let change = server.patch(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).json(body);
        for request in [create, change] {
            let refused = request.send().await.expect_error(422, "validation_failed");
            assert_eq!(refused["error"]["details"][0]["field"], "allowedIps[0]", "{block}");
            assert!(refused.text_at("/error/details/0/message").contains(hint), "{block}: {}", refused.text);
        }
    }
    assert_unchanged(&before, &server.database);
}

async fn a_block_that_an_older_version_stored_counts_in_its_normal_form(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["10.0.0.0/8"] })).await;
    let store = "UPDATE api_keys SET allowed_ips = '::ffff:127.0.0.0/104 2001:db8::/32'";
    match server.database.connect() {
        Conn::Sqlite(mut sqlite) => sqlite.batch_execute(store).expect("stored"),
        // Only a superuser gets past the tests' trigger, which wants an audit event.
        Conn::Postgres(_) => {
            let quietly = format!("SET session_replication_role = replica; {store}");
            server.database.connect_as_superuser().batch_execute(&quietly).expect("stored");
        }
    }
    // A node that has not cached the key.
    let node = server.another(|_| {}).await;
    node.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let read = node.get(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(read["allowedIps"], json!(["127.0.0.0/8", "2001:db8::/32"]));
}

async fn a_trusted_proxy_is_trusted_in_either_form(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["203.0.113.0/24"] })).await;
    for block in ["127.0.0.1", "::ffff:127.0.0.0/104"] {
        let node = server.another(|config| config.server.trusted_proxies = vec![block.parse().expect("a block")]).await;
        for client in ["203.0.113.7", "::ffff:203.0.113.7", "[::ffff:203.0.113.7]:443"] {
            let request = node.get("/v1/whoami").bearer(&key.plaintext).header("x-forwarded-for", client);
            request.send().await.expect(200);
        }
    }
}
