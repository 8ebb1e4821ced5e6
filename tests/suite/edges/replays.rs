//! Requests that come again, and conditions that a proxy has changed.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Request;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::time::Duration;

tests![
    a_repeated_body_is_compared_by_its_content,
    a_replay_answers_what_was_answered_then,
    a_roll_bounds_all_earlier_values_and_leaves_two,
];

fn create(server: &Server, tenant: &Tenant<'_>, key: &str, body: &str) -> Request {
    let request = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    let request = request.header("idempotency-key", key).header("content-type", "application/json");
    request.body(body.to_owned())
}

async fn a_repeated_body_is_compared_by_its_content(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let first = create(&server, &tenant, "a", r#"{"name":"Once","scope":"full"}"#).send().await.expect(201);
    let before = dump(&server.database);
    for same in [
        "{\"scope\": \"full\",\r\n  \"name\": \"Once\"}",
        r#"{"name":"\u004fnce","scope":"full"}"#,
        " {\"name\":\"Once\",\"scope\":\"full\"} ",
    ] {
        let again = create(&server, &tenant, "a", same).send().await.expect(200);
        assert_eq!((&again["id"], again.header("idempotent-replayed")), (&first["id"], Some("true")), "{same}");
    }
    for other in [r#"{"name":"Once"}"#, r#"{"name":"once","scope":"full"}"#, "{}", "", "null"] {
        create(&server, &tenant, "a", other).send().await.expect_error(409, "idempotency_key_reused");
    }
    assert_unchanged(&before, &server.database);
    // No body, `null` and `{}` all mean the defaults.
    let first = create(&server, &tenant, "b", "").send().await.expect(201);
    for same in ["null", "{}", " { } "] {
        assert_eq!(create(&server, &tenant, "b", same).send().await.expect(200)["id"], first["id"], "{same:?}");
    }
}

async fn a_replay_answers_what_was_answered_then(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let without_plaintext = |body: &Value| {
        let mut body = body.clone();
        body.as_object_mut().expect("an object").remove("plaintext");
        body
    };
    let first = create(&server, &tenant, "a", r#"{"name":"Once"}"#).send().await.expect(201);
    let path = tenant.workspace_path(&format!("/api-keys/{}", first.text_at("/id")));
    let rename = server.patch(&path).bearer(&tenant.owner.id_token).json(json!({ "name": "Renamed" }));
    rename.send().await.expect(200);
    let again = create(&server, &tenant, "a", r#"{"name":"Once"}"#).send().await.expect(200);
    assert_eq!(again.body, without_plaintext(&first.body), "as it was then");
    server.delete(&path).bearer(&tenant.owner.id_token).send().await.expect(204);
    let before = dump(&server.database);
    let gone = create(&server, &tenant, "a", r#"{"name":"Once"}"#).send().await.expect(200);
    assert_eq!((gone.header("idempotent-replayed"), &gone.body), (Some("true"), &again.body));
    assert_unchanged(&before, &server.database);
    assert!(!before.values().any(|rows| rows.contains(&first.text_at("/plaintext"))), "no plaintext is stored");
    let (organization, workspaces) = ("/v1/organizations".to_owned(), tenant.organization_path("/workspaces"));
    for (number, (path, at)) in [(organization, "/v1/organizations"), (workspaces, "/v1/workspaces")].iter().enumerate()
    {
        let send = || {
            let request = server.post(path).bearer(&tenant.owner.id_token).json(json!({ "name": "Short-lived" }));
            request.header("idempotency-key", &format!("made-{number}")).send()
        };
        let first = send().await.expect(201);
        let made = format!("{at}/{}", first.text_at("/id"));
        server.delete(&made).bearer(&tenant.owner.id_token).send().await.expect(204);
        assert_eq!(send().await.expect(200).body, first.body, "{path}");
    }
}

async fn a_roll_bounds_all_earlier_values_and_leaves_two(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let path = tenant.key_path(&key, "/roll");
    let roll = |seconds: u64| {
        let request = server.post(&path).bearer(&tenant.owner.id_token);
        request.json(json!({ "overlapSeconds": seconds })).send()
    };
    let works = async |plaintext: &str| server.get("/v1/whoami").bearer(plaintext).send().await.status;
    let second = roll(30 * 86_400).await.expect(200).text_at("/plaintext");
    assert_eq!((works(&key.plaintext).await, works(&second).await), (200, 200));
    let third = roll(600).await.expect(200);
    let shown = third.text_at("/overlapEndsAt").parse::<keyward::base::time::Timestamp>().expect("a time");
    assert!(shown <= server.clock.now().plus(Duration::from_secs(600)), "{}", third.text);
    let third = third.text_at("/plaintext");
    assert_eq!((works(&key.plaintext).await, works(&second).await, works(&third).await), (401, 200, 200));
    server.clock.advance(Duration::from_secs(601));
    assert_eq!((works(&key.plaintext).await, works(&second).await, works(&third).await), (401, 401, 200));
    let mut values = vec![key.plaintext.clone(), second, third];
    for _ in 0..5 {
        values.push(roll(3600).await.expect(200).text_at("/plaintext"));
    }
    let mut alive = 0;
    for value in &values {
        alive += u32::from(works(value).await == 200);
    }
    assert_eq!(alive, 2);
}
