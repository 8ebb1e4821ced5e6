//! What an operator finds in the log: one line for each request, with what is needed to find the cause.

use crate::support::process::Keyward;
use crate::support::{Backend, Server, Tenant, log, tests};
use serde_json::{Value, json};

tests![each_request_is_logged_with_its_id_route_caller_and_outcome];

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
        let mut lines = events.into_iter().filter(|event| event["target"] == "keyward::telemetry::request_span");
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
        let span = &line["span"];
        assert_eq!(
            (&line["level"], &line["message"], &line["status"]),
            (&json!(level), &json!(message), &json!(status))
        );
        assert_eq!((&span["method"], &span["route"]), (&json!(method), &json!(route)), "{line}");
        assert_eq!((&span["caller"], &line["code"]), (&json!(caller), &json!(code)), "{line}");
        assert_eq!(span["client_address"], "127.0.0.1");
    }
    assert_eq!(line(&id(&read))["span"]["inbound_request_id"], "from-a-gateway");
}
