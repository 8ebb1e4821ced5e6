//! What trails and lists show: the name of a person who left, and members in the order that the list promises.

use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_person_who_deletes_the_own_account_is_named_in_the_trail,
    members_of_a_workspace_come_in_the_order_in_which_they_joined_it,
];

async fn a_person_who_deletes_the_own_account_is_named_in_the_trail(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let leaver = tenant.add_to_workspace("editor").await;
    let delete = server.post("/identitytoolkit.googleapis.com/v1/accounts:delete?key=test");
    delete.json(json!({ "idToken": leaver.id_token })).send().await.expect(200);
    let path = tenant.organization_path("/audit-events?action=organization_member.left");
    let events = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    let event = &events["data"][0];
    assert_eq!(
        (&event["actor"]["id"], &event["actor"]["email"]),
        (&json!(leaver.user_id), &json!(leaver.email)),
        "{event}"
    );
    assert_eq!(event["target"]["name"], json!(leaver.email), "{event}");
    // The account itself keeps nothing of it.
    let users = crate::support::dump::dump(&server.database)["users"].clone();
    assert!(!users.contains(&leaver.email), "{users}");
}

async fn members_of_a_workspace_come_in_the_order_in_which_they_joined_it(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(tenant.add_member("member", &[]).await.user_id);
    }
    // They join the workspace in another order than the organization.
    let order = [3, 0, 4, 1, 2];
    for place in order {
        server.clock.advance(Duration::from_secs(1));
        let path = tenant.workspace_path(&format!("/members/{}", people[place]));
        server.put(&path).bearer(&tenant.owner.id_token).json(json!({ "role": "viewer" })).send().await.expect(200);
    }
    let mut expected: Vec<String> = order.iter().rev().map(|place| people[*place].clone()).collect();
    expected.push(tenant.owner.user_id.clone());
    for size in [1, 2, 100] {
        let (mut listed, mut joined, mut cursor) = (Vec::new(), Vec::new(), Value::Null);
        loop {
            let after = cursor.as_str().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let path = tenant.workspace_path(&format!("/members?pageSize={size}{after}"));
            let mut page = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
            for member in page["data"].as_array().expect("members") {
                listed.push(member["id"].as_str().or(member["userId"].as_str()).expect("an id").to_owned());
                joined.push(member["joinedAt"].as_str().expect("a time").to_owned());
            }
            cursor = page.body["nextCursor"].take();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(listed, expected, "pages of {size}");
        assert!(joined.is_sorted_by(|a, b| a >= b), "{joined:?}");
    }
    // A cursor of a member who has left since still leads on.
    let first = server.get(&tenant.workspace_path("/members?pageSize=2")).bearer(&tenant.owner.id_token).send().await;
    let cursor = first.expect(200).text_at("/nextCursor");
    let left = tenant.workspace_path(&format!("/members/{}", people[order[3]]));
    server.delete(&left).bearer(&tenant.owner.id_token).send().await.expect(200);
    let path = tenant.workspace_path(&format!("/members?cursor={cursor}"));
    let rest = server.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(4));
}
