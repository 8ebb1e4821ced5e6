//! No credential gives another one more than it has itself, nor a longer life, nor more addresses.

use super::{role_of, transfer};
use crate::matrix::reply::Call;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::{Key, User, VIEWERS};
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::policy::CreatorRole;
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_key_makes_keys_within_its_own_bounds,
    a_key_gives_its_limit_to_the_keys_that_it_makes,
    a_key_lets_no_key_do_more_than_itself,
    a_value_in_its_overlap_gives_no_longer_life,
    a_key_transfers_only_what_it_could_have_given,
    giving_takes_the_role_that_may_create_keys,
    a_limited_key_creates_no_keys_where_its_limit_may_not,
    bounds_that_are_narrowed_during_a_request_count,
];

/// With keys that manage keys.
async fn server(db: Backend, least: CreatorRole) -> Server {
    Server::with(db, |config| {
        (config.keys.manage_with_keys, config.keys.min_creator_role) = (true, least);
        // It shows when a handler waits for a body.
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await
}

/// The text of the moment so many days from now.
fn in_days(server: &Server, days: u64) -> String {
    server.clock.now().plus(Duration::from_secs(days * 86_400)).to_string()
}

async fn create(server: &Server, tenant: &Tenant<'_>, by: &str, body: Value) -> Answer {
    server.post(&tenant.workspace_path("/api-keys")).bearer(by).json(body).send().await
}

async fn change(server: &Server, tenant: &Tenant<'_>, by: &str, key: &Key, body: Value) -> Answer {
    server.patch(&tenant.key_path(key, "")).bearer(by).json(body).send().await
}

async fn act(server: &Server, tenant: &Tenant<'_>, by: &str, key: &Key, how: &str) -> Answer {
    server.post(&tenant.key_path(key, how)).bearer(by).send().await
}

fn blames(answer: Answer, field: &str) {
    let refused = answer.expect_error(422, "validation_failed");
    assert_eq!(refused["error"]["details"][0]["field"], field, "{}", refused.text);
}

async fn a_key_makes_keys_within_its_own_bounds(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let end = in_days(&server, 10);
    let bounds = json!({ "expiresAt": end, "allowedIps": ["127.0.0.0/8", "10.0.0.0/8"] });
    let maker = tenant.create_key(&tenant.owner, bounds).await.plaintext;
    let before = dump(&server.database);
    let longer = [json!(in_days(&server, 11)), json!("2099-01-01T00:00:00Z")];
    for expires_at in longer {
        blames(create(&server, &tenant, &maker, json!({ "expiresAt": expires_at })).await, "expiresAt");
    }
    for blocks in [json!([]), json!(["10.0.0.0/7"]), json!(["10.0.0.1", "203.0.113.7"]), json!(["::1"])] {
        blames(create(&server, &tenant, &maker, json!({ "allowedIps": blocks })).await, "allowedIps");
    }
    assert_unchanged(&before, &server.database);
    let made = create(&server, &tenant, &maker, json!({})).await.expect(201);
    assert_eq!((&made["expiresAt"], &made["allowedIps"]), (&json!(end), &json!(["127.0.0.0/8", "10.0.0.0/8"])));
    let sooner = in_days(&server, 9);
    let within = json!({ "expiresAt": sooner, "allowedIps": ["127.0.0.1", "10.1.0.0/16"], "scope": "read_only" });
    let made = create(&server, &tenant, &maker, within).await.expect(201);
    assert_eq!(made["expiresAt"], sooner.as_str());
    // What it made gives no more than itself.
    let reader = made.text_at("/plaintext");
    create(&server, &tenant, &reader, json!({})).await.expect_error(403, "read_only_key");
}

/// The owner's key, limited to the role of a viewer by a transfer.
async fn limited(server: &Server, tenant: &Tenant<'_>, role: &str) -> Key {
    let former = tenant.add_to_workspace(role).await;
    let key = tenant.create_key(&former, json!({})).await;
    let body = json!({ "userId": tenant.owner.user_id });
    transfer(server, tenant, &tenant.owner.id_token, &key, body).await.expect(200);
    key
}

async fn a_key_gives_its_limit_to_the_keys_that_it_makes(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let maker = limited(&server, &tenant, "viewer").await.plaintext;
    let others = tenant.create_key(&tenant.owner, json!({})).await;
    let made = create(&server, &tenant, &maker, json!({})).await.expect(201);
    assert_eq!((&made["role"], &made["permissions"]), (&json!("viewer"), &json!(VIEWERS)));
    assert_eq!(role_of(&server, &made.text_at("/plaintext")).await, Some("viewer".to_owned()));
    let before = dump(&server.database);
    act(&server, &tenant, &maker, &others, "/roll").await.expect_error(403, "insufficient_permission");
    // It manages its creator's keys only, as a viewer does, and no member's.
    let refused = transfer(&server, &tenant, &maker, &others, json!({ "userId": tenant.owner.user_id })).await;
    refused.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
}

async fn a_key_lets_no_key_do_more_than_itself(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let own = json!({ "expiresAt": in_days(&server, 10), "allowedIps": ["127.0.0.0/8"] });
    let actor = tenant.create_key(&tenant.owner, own.clone()).await.plaintext;
    let wide = tenant.create_key(&tenant.owner, json!({})).await;
    let off = tenant.create_key(&tenant.owner, json!({})).await;
    act(&server, &tenant, &tenant.owner.id_token, &off, "/disable").await.expect(200);
    let short = tenant.create_key(&tenant.owner, json!({ "expiresAt": in_days(&server, 1) })).await;
    let equal = tenant.create_key(&tenant.owner, own).await;
    let before = dump(&server.database);
    act(&server, &tenant, &actor, &wide, "/roll").await.expect_error(403, "insufficient_permission");
    act(&server, &tenant, &actor, &off, "/enable").await.expect_error(403, "insufficient_permission");
    // A key that may be used from anywhere gets no later end from one that may not.
    let later = json!({ "expiresAt": in_days(&server, 5) });
    change(&server, &tenant, &actor, &short, later).await.expect_error(403, "insufficient_permission");
    blames(change(&server, &tenant, &actor, &equal, json!({ "expiresAt": null })).await, "expiresAt");
    blames(change(&server, &tenant, &actor, &equal, json!({ "expiresAt": in_days(&server, 11) })).await, "expiresAt");
    blames(change(&server, &tenant, &actor, &equal, json!({ "allowedIps": null })).await, "allowedIps");
    blames(change(&server, &tenant, &actor, &equal, json!({ "allowedIps": ["126.0.0.0/7"] })).await, "allowedIps");
    assert_unchanged(&before, &server.database);
    // It may take from each, and give what it has.
    change(&server, &tenant, &actor, &wide, json!({ "name": "Renamed", "expiresAt": in_days(&server, 20) }))
        .await
        .expect(200);
    let narrow = json!({ "allowedIps": ["127.0.0.1"], "expiresAt": in_days(&server, 2) });
    change(&server, &tenant, &actor, &equal, narrow).await.expect(200);
    change(&server, &tenant, &actor, &equal, json!({ "expiresAt": in_days(&server, 9) })).await.expect(200);
    act(&server, &tenant, &actor, &equal, "/roll").await.expect(200);
    // A person is bounded by the role alone.
    act(&server, &tenant, &tenant.owner.id_token, &off, "/enable").await.expect(200);
    act(&server, &tenant, &tenant.owner.id_token, &wide, "/roll").await.expect(200);
}

async fn a_value_in_its_overlap_gives_no_longer_life(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
    let rolled = roll.json(json!({ "overlapSeconds": 3600 })).send().await.expect(200);
    let (old, new) = (&key.plaintext, rolled.text_at("/plaintext"));
    let before = dump(&server.database);
    act(&server, &tenant, old, &key, "/roll").await.expect_error(403, "insufficient_permission");
    blames(create(&server, &tenant, old, json!({ "expiresAt": in_days(&server, 1) })).await, "expiresAt");
    assert_unchanged(&before, &server.database);
    let made = create(&server, &tenant, old, json!({})).await.expect(201);
    assert_eq!(made["expiresAt"], rolled["overlapEndsAt"]);
    assert_eq!(create(&server, &tenant, &new, json!({})).await.expect(201)["expiresAt"], Value::Null);
}

async fn a_key_transfers_only_what_it_could_have_given(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let short = json!({ "expiresAt": in_days(&server, 10) });
    let actor = tenant.create_key(&tenant.owner, short).await.plaintext;
    let unbounded = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let editor = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&editor, json!({})).await;
    let before = dump(&server.database);
    for mode in ["keep", "roll"] {
        let body = json!({ "userId": tenant.owner.user_id, "mode": mode });
        transfer(&server, &tenant, &actor, &key, body).await.expect_error(403, "insufficient_permission");
    }
    assert_unchanged(&before, &server.database);
    let body = json!({ "userId": tenant.owner.user_id, "mode": "roll" });
    let rolled = transfer(&server, &tenant, &unbounded, &key, body).await.expect(200);
    assert_eq!(role_of(&server, &rolled.text_at("/plaintext")).await, Some("admin".to_owned()));
}

async fn set_workspace_role(server: &Server, tenant: &Tenant<'_>, user: &User, role: &str) {
    let path = tenant.workspace_path(&format!("/members/{}", user.user_id));
    server.put(&path).bearer(&tenant.owner.id_token).json(json!({ "role": role })).send().await.expect(200);
}

async fn giving_takes_the_role_that_may_create_keys(db: Backend) {
    let server = server(db, CreatorRole::Editor).await;
    let tenant = Tenant::new(&server).await;
    let user = tenant.add_to_workspace("editor").await;
    let body = json!({ "expiresAt": in_days(&server, 10), "allowedIps": ["127.0.0.0/8"] });
    let key = tenant.create_key(&user, body).await;
    let off = tenant.create_key(&user, json!({})).await;
    act(&server, &tenant, &user.id_token, &off, "/disable").await.expect(200);
    set_workspace_role(&server, &tenant, &user, "viewer").await;
    let before = dump(&server.database);
    for by in [&user.id_token, &key.plaintext] {
        let refused = [
            create(&server, &tenant, by, json!({})).await,
            act(&server, &tenant, by, &key, "/roll").await,
            act(&server, &tenant, by, &off, "/enable").await,
            change(&server, &tenant, by, &key, json!({ "expiresAt": in_days(&server, 11) })).await,
            change(&server, &tenant, by, &key, json!({ "allowedIps": [] })).await,
        ];
        for answer in refused {
            answer.expect_error(403, "insufficient_permission");
        }
    }
    assert_unchanged(&before, &server.database);
    // What takes from the key does not need it.
    let narrower = json!({ "name": "Old", "expiresAt": in_days(&server, 9), "allowedIps": ["127.0.0.1"] });
    change(&server, &tenant, &user.id_token, &key, narrower).await.expect(200);
    for how in ["/disable", "/revoke"] {
        act(&server, &tenant, &user.id_token, &key, how).await.expect(200);
    }
}

async fn a_limited_key_creates_no_keys_where_its_limit_may_not(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let strict = server.another(|config| config.keys.min_creator_role = CreatorRole::OrganizationAdmin).await;
    let tenant = Tenant::new(&server).await;
    let key = limited(&server, &tenant, "admin").await.plaintext;
    let own = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let before = dump(&server.database);
    create(&strict, &tenant, &key, json!({})).await.expect_error(403, "insufficient_permission");
    assert_unchanged(&before, &server.database);
    create(&strict, &tenant, &own, json!({})).await.expect(201);
}

async fn bounds_that_are_narrowed_during_a_request_count(db: Backend) {
    let server = server(db, CreatorRole::Viewer).await;
    let tenant = Tenant::new(&server).await;
    let narrower = [json!({ "expiresAt": in_days(&server, 5) }), json!({ "allowedIps": ["127.0.0.1"] })];
    for narrow in narrower {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        let target = tenant.create_key(&tenant.owner, json!({})).await;
        let requests = [
            ("POST", tenant.workspace_path("/api-keys"), json!({ "name": "Wide" })),
            ("POST", tenant.key_path(&target, "/roll"), json!({ "overlapSeconds": 0 })),
        ];
        for (method, path, body) in requests {
            change(&server, &tenant, &tenant.owner.id_token, &key, json!({ "expiresAt": null, "allowedIps": null }))
                .await
                .expect(200);
            let call = Call::new(method, &path).header("Authorization", format!("Bearer {}", key.plaintext));
            let call = call.body(Some("application/json"), body.to_string());
            let underway = call.begin(&server, &path).await;
            change(&server, &tenant, &tenant.owner.id_token, &key, narrow.clone()).await.expect(200);
            let before = dump(&server.database);
            assert_eq!(underway.finish().await.unless_error(503, "unavailable"), None);
            assert_unchanged(&before, &server.database);
        }
    }
}
