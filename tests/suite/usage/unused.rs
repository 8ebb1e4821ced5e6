//! `?unusedForDays=`: the keys that nobody needs any more.

use super::{HOUR, lift_limits, use_key};
use crate::support::tenant::{Key, User};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::{Value, json};

tests![keys_that_nobody_used_for_so_long_are_found, a_use_that_is_not_written_yet_counts, members_find_their_own,];

/// The ids of a list, page by page.
async fn ids(server: &Server, tenant: &Tenant<'_>, reader: &User, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = tenant.workspace_path(&format!("/api-keys?{query}{cursor}"));
        let page = server.get(&path).bearer(&reader.id_token).send().await.expect(200);
        let ids = page["data"].as_array().expect("a list").iter().map(|key| key["id"].as_str().expect("an id"));
        found.extend(ids.map(str::to_owned));
        let Some(next) = page["nextCursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

/// Lets days pass.
async fn wait(server: &Server, tenant: &mut Tenant<'_>, days: u32) {
    server.clock.advance(days * 24 * HOUR);
    tenant.owner.sign_in(server).await;
}

/// As if the key had been used last so many days ago.
fn used(server: &Server, key: &Key, days: u32) {
    let ago = server.clock.now().minus(days * 24 * HOUR).to_string().replace('Z', "000Z");
    let set = format!("UPDATE api_keys SET last_used_at = '{ago}' WHERE id = '{}'", key.id);
    assert_eq!(server.database.execute(&set), 1);
}

async fn keys_that_nobody_used_for_so_long_are_found(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let mut tenant = Tenant::new(&server).await;
    let mut keys = Vec::new();
    for (count, days) in [(2, 300), (3, 5), (1, 90), (1, 5)] {
        for _ in 0..count {
            keys.push(tenant.create_key(&tenant.owner, json!({})).await);
        }
        wait(&server, &mut tenant, days).await;
    }
    // Made 400, 400, 100, 100, 100, 95 and 5 days ago.
    for (place, days) in [(0, 95), (3, 10), (4, 50), (5, 94)] {
        used(&server, &keys[place], days);
    }
    let expected = |places: &[usize]| places.iter().rev().map(|place| keys[*place].id.clone()).collect::<Vec<_>>();
    for size in [1, 2, 100] {
        let find = async |days: u32| {
            ids(&server, &tenant, &tenant.owner, &format!("unusedForDays={days}&pageSize={size}")).await
        };
        assert_eq!(find(90).await, expected(&[0, 1, 2, 5]), "{size}");
        assert_eq!(find(30).await, expected(&[0, 1, 2, 4, 5]), "{size}");
        assert_eq!(find(1).await, expected(&[0, 1, 2, 3, 4, 5, 6]), "{size}");
        assert_eq!(find(5).await, expected(&[0, 1, 2, 3, 4, 5, 6]), "{size}");
        assert_eq!(find(6).await, expected(&[0, 1, 2, 3, 4, 5]), "{size}");
        assert_eq!(find(3650).await, expected(&[]), "{size}");
    }
    for wrong in ["0", "3651", "x", "-1", "", "1.5"] {
        let path = tenant.workspace_path(&format!("/api-keys?unusedForDays={wrong}"));
        server.get(&path).bearer(&tenant.owner.id_token).send().await.expect_error(400, "bad_request");
    }
    // A cursor is a place in the list of keys, with or without the filter; another list's is none.
    let page = |query: String| server.get(&tenant.workspace_path(&query)).bearer(&tenant.owner.id_token).send();
    let first = page("/api-keys?unusedForDays=90&pageSize=1".to_owned()).await.expect(200);
    let rest = page(format!("/api-keys?cursor={}", first.text_at("/nextCursor"))).await.expect(200);
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(5));
    let members = page("/members?pageSize=1".to_owned()).await.expect(200);
    assert_eq!(members["nextCursor"], Value::Null);
}

async fn a_use_that_is_not_written_yet_counts(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let mut tenant = Tenant::new(&server).await;
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(tenant.create_key(&tenant.owner, json!({})).await);
    }
    wait(&server, &mut tenant, 200).await;
    let paid = ["subscription", "set", &tenant.organization_id, "--status", "active"];
    process::run(&server.database, &paid).await;
    keys.iter().for_each(|key| used(&server, key, 150));
    // Whatever is used now stays in memory.
    let held = server.database.hold_writers();
    for key in [&keys[1], &keys[3], &keys[4]] {
        use_key(&server, key, 1).await;
    }
    for size in [1, 2, 3] {
        let found = ids(&server, &tenant, &tenant.owner, &format!("unusedForDays=90&pageSize={size}")).await;
        assert_eq!(found, [keys[2].id.clone(), keys[0].id.clone()], "{size}");
    }
    drop(held);
}

async fn members_find_their_own(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let (mut tenant, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let mut member = tenant.add_to_workspace("editor").await;
    let (own, owners) =
        (tenant.create_key(&member, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    globex.create_key(&globex.owner, json!({})).await;
    wait(&server, &mut tenant, 200).await;
    member.sign_in(&server).await;
    let find = async |who: &User| ids(&server, &tenant, who, "unusedForDays=90").await;
    assert_eq!(find(&member).await, [own.id.as_str()]);
    assert_eq!(find(&tenant.owner).await, [owners.id.as_str(), own.id.as_str()]);
}
