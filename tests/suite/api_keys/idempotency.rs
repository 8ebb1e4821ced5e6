//! `Idempotency-Key`: a POST that is sent again does nothing again.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Request;
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

tests![
    a_replayed_create_answers_the_record_without_the_plaintext,
    a_replayed_roll_does_not_roll_again,
    of_many_creates_at_once_one_makes_a_key,
    a_key_of_another_request_is_refused,
    keys_belong_to_one_caller,
    a_key_is_forgotten_after_24_hours,
    a_refused_request_does_not_use_its_key_up,
    organizations_workspaces_and_invitations_are_made_once_too,
];

fn create(server: &Server, tenant: &Tenant<'_>, key: &str) -> Request {
    let request = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    request.header("idempotency-key", key).json(json!({"name": "Once"}))
}

async fn a_replayed_create_answers_the_record_without_the_plaintext(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let first = create(&server, &tenant, "a").send().await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    let before = dump(&server.database);
    let again = create(&server, &tenant, "a").send().await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mut expected = first.body.clone();
    expected.as_object_mut().expect("an object").remove("plaintext").expect("a plaintext");
    assert_eq!(again.body, expected);
    assert_unchanged(&before, &server.database);
}

async fn a_replayed_roll_does_not_roll_again(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let roll = || {
        let request = server.post(&tenant.key_path(&key, "/roll")).bearer(&tenant.owner.id_token);
        request.header("idempotency-key", "roll").send()
    };
    let first = roll().await.expect(200);
    let again = roll().await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert!(again["plaintext"].is_null());
    assert_eq!(again["preview"], first["preview"]);
    server.get("/v1/whoami").bearer(&first.text_at("/plaintext")).send().await.expect(200);
}

async fn of_many_creates_at_once_one_makes_a_key(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let answers = join_all((0..12).map(|_| create(&server, &tenant, "same").send())).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 11], vec![201]].concat());
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]));
}

async fn a_key_of_another_request_is_refused(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    create(&server, &tenant, "a").send().await.expect(201);
    let before = dump(&server.database);
    let other = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    let other = other.header("idempotency-key", "a").json(json!({"name": "Twice"}));
    other.send().await.expect_error(409, "idempotency_key_reused");
    assert_unchanged(&before, &server.database);
}

async fn keys_belong_to_one_caller(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let editor = tenant.add_to_workspace("editor").await;
    create(&server, &tenant, "a").send().await.expect(201);
    let own = server.post(&tenant.workspace_path("/api-keys")).bearer(&editor.id_token);
    own.header("idempotency-key", "a").json(json!({"name": "Once"})).send().await.expect(201);
}

async fn a_key_is_forgotten_after_24_hours(db: Backend) {
    let server = Server::start(db).await;
    let mut tenant = Tenant::new(&server).await;
    let first = create(&server, &tenant, "a").send().await.expect(201);
    server.clock.advance(Duration::from_secs(24 * 3600 + 1));
    tenant.owner.refresh(&server).await;
    let second = create(&server, &tenant, "a").send().await.expect(201);
    assert_ne!(first["id"], second["id"]);
}

async fn a_refused_request_does_not_use_its_key_up(db: Backend) {
    let server = Server::with(db, |config| config.plans.get_mut("free").expect("free").max_active_keys = 1).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    create(&server, &tenant, "a").send().await.expect_error(409, "max_active_keys_reached");
    server.delete(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    create(&server, &tenant, "a").send().await.expect(201);
}

async fn organizations_workspaces_and_invitations_are_made_once_too(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let requests = [
        ("/v1/organizations".to_owned(), json!({"name": "Second"})),
        (tenant.organization_path("/workspaces"), json!({"name": "Second"})),
        (tenant.organization_path("/invitations"), json!({"email": "new@example.com", "role": "member"})),
    ];
    for (place, (path, body)) in requests.into_iter().enumerate() {
        let send = || {
            let request = server.post(&path).bearer(&tenant.owner.id_token).json(body.clone());
            request.header("idempotency-key", &format!("key-{place}")).send()
        };
        let first = send().await.expect(201);
        let before = dump(&server.database);
        let again = send().await.expect(200);
        assert_eq!((&again["id"], again.header("idempotent-replayed")), (&first["id"], Some("true")));
        assert!(again["token"].is_null());
        assert_unchanged(&before, &server.database);
    }
}
