//! What an operator finds in the log: one line for each request, with what is needed to find the cause.

use crate::support::process::Keyward;
use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, log, tests};
use serde_json::{Value, json};

tests![each_request_is_logged_with_its_id_route_caller_and_outcome, at_info_reads_are_silent_and_the_rest_is_complete];

async fn each_request_is_logged_with_its_id_route_caller_and_outcome(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let key = tenant.create_key(&viewer, json!({})).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    let id = |answer: &crate::support::http::Answer| answer.header("x-request-id").expect("an id").to_owned();

    let read = child.get("/v1/whoami").bearer(&key.plaintext).header("x-request-id", "from-a-gateway").send().await;
    let created = child.post(&tenant.workspace_path("/api-keys")).bearer(&viewer.id_token).json(json!({})).send().await;
    let refused = child.delete(&tenant.workspace_path("")).bearer(&viewer.id_token).send().await;
    let unknown = child.get("/v1/me").bearer("sk_live_nonsense").send().await;
    child.terminate();

    let line = |request_id: &str| -> Value {
        let events = log::events_of(request_id);
        let mut lines = events.into_iter().filter(|event| event["target"] == "keyward::server::observe::log_line");
        let line = lines.next().unwrap_or_else(|| panic!("{request_id} is not in the log"));
        assert!(lines.next().is_none(), "{request_id} was logged twice");
        line
    };
    let workspace = "/v1/workspaces/{workspaceId}";
    let rows = [
        (&read, "DEBUG", "answered", "GET", "/v1/whoami", Some(key.id.as_str()), 200, None),
        (&created, "INFO", "answered", "POST", &format!("{workspace}/api-keys"), Some(&viewer.user_id), 201, None),
        (&refused, "INFO", "refused", "DELETE", workspace, Some(&viewer.user_id), 403, Some("insufficient_permission")),
        (&unknown, "INFO", "refused", "GET", "/v1/me", None, 401, Some("invalid_api_key")),
    ];
    for (answer, level, message, method, route, caller, status, code) in rows {
        let line = line(&id(answer));
        assert_eq!(
            (&line["level"], &line["message"], &line["status"]),
            (&json!(level), &json!(message), &json!(status))
        );
        assert_eq!((&line["method"], &line["route"]), (&json!(method), &json!(route)), "{line}");
        assert_eq!((&line["caller"], &line["code"]), (&json!(caller), &json!(code)), "{line}");
        assert_eq!((&line["client_address"], &line["request_id"]), (&json!("127.0.0.1"), &json!(id(answer))));
    }
    assert_eq!(line(&id(&read))["inbound_request_id"], "from-a-gateway");
}

async fn at_info_reads_are_silent_and_the_rest_is_complete(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let gateway = service_token(&server.database).await;
    let mut child = Keyward::serve_logging(server.database.clone(), "", "info").await;
    let question = child.post("/v1/keys/verify").bearer(&gateway).json(json!({ "key": key.plaintext }));
    let question = question.send().await.expect(200);
    let read = child.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let refused = child.delete(&tenant.key_path(&key, "")).bearer(&key.plaintext).send().await.expect(403);
    let held = server.database.hold_writers();
    let failed = child.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(503);
    drop(held);
    child.terminate();

    let events = |answer: &crate::support::http::Answer| log::events_of(answer.header("x-request-id").expect("an id"));
    assert_eq!(events(&read), Vec::<Value>::new());
    assert_eq!(events(&question), Vec::<Value>::new());
    let rows = [
        (&refused, "INFO", "refused", "/v1/workspaces/{workspaceId}/api-keys/{keyId}", key.id.as_str()),
        (
            &failed,
            "WARN",
            "unavailable",
            "/v1/workspaces/{workspaceId}/api-keys/{keyId}/revoke",
            tenant.owner.user_id.as_str(),
        ),
    ];
    for (answer, level, message, route, caller) in rows {
        let lines = events(answer);
        let line = lines.last().expect("a line");
        assert_eq!((&line["level"], &line["message"]), (&json!(level), &json!(message)), "{line}");
        assert_eq!((&line["route"], &line["caller"]), (&json!(route), &json!(caller)), "{line}");
        assert_eq!(line["request_id"].as_str(), answer.header("x-request-id"), "{line}");
        assert_eq!((&line["status"], &line["client_address"]), (&json!(answer.status), &json!("127.0.0.1")), "{line}");
    }
}
