//! Errors are in plain words: none of the parser's, the framework's or the protocol crates'. The words of each route's
//! wrong body and query are checked in `matrix::malformed`.

use crate::support::process::{self, Keyward};
use crate::support::raw::raw;
use crate::support::tenant::User;
use crate::support::{Backend, Server, log, tests, tests_once, words};
use serde_json::{Value, json};

tests![
    a_wrong_body_is_explained_in_plain_words,
    a_wrong_query_is_explained_in_plain_words,
    an_encoded_body_is_refused_with_what_to_do,
    pages_of_other_origins_are_refused_in_plain_words,
    what_is_not_http_gets_a_body_and_no_error_in_the_log,
];
tests_once![a_wrong_configuration_is_explained_in_plain_words];

async fn a_wrong_body_is_explained_in_plain_words(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let post = async |body: &str| {
        let request =
            server.post("/v1/organizations").bearer(&user.id_token).header("content-type", "application/json");
        request.body(body.to_owned()).send().await
    };
    let syntax = [
        ("", "The body is empty; it must be JSON."),
        ("{\"name\":", "The body ends before the JSON does."),
        ("{\"name\":\"A", "The body ends before the JSON does."),
        ("not json", "The body is not JSON: line 1, column 2 is wrong."),
        ("{\"name\":\"A\"} x", "The body is not JSON: line 1, column 14 is after its end."),
        ("{\"name\":\"A\",}", "The body is not JSON: the comma before line 1, column 13 has nothing after it."),
    ];
    for (body, message) in syntax {
        let refused = post(body).await.expect_error(400, "bad_request");
        assert_eq!(refused["error"]["message"], message, "{body}");
    }
    let shapes = [
        ("{\"name\":5}", "name", "must be a string, not a number"),
        ("{\"name\":null}", "name", "must be a string, not null"),
        ("{\"name\":[\"A\"]}", "name", "must be a string, not an array"),
        ("{\"name\":{\"a\":1}}", "name", "must be a string, not an object"),
        ("[]", "body", "must be an object, not an array"),
        ("7", "body", "must be an object, not a number"),
        ("{}", "body", "must have the field `name`"),
        ("{\"name\":\"A\",\"name\":\"B\"}", "body", "has the field `name` twice"),
        ("{\"name\":\"A\",\"nam\":\"B\"}", "nam", "`nam` is not a known field; known fields are name, owner"),
    ];
    for (body, field, message) in shapes {
        let refused = post(body).await.expect_error(422, "validation_failed");
        let detail = &refused["error"]["details"][0];
        assert_eq!((detail["field"].as_str(), detail["message"].as_str()), (Some(field), Some(message)), "{body}");
    }
}

async fn a_wrong_query_is_explained_in_plain_words(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    for value in ["x", "-1", "0", "101", "1.5", "99999999999999999999", ""] {
        let refused = server.get(&format!("/v1/organizations?pageSize={value}")).bearer(&user.id_token).send().await;
        let message = refused.expect_error(400, "bad_request").text_at("/error/message");
        assert_eq!(message, "pageSize: must be an integer from 1 to 100", "{value}");
    }
    let refused = server.get("/v1/organizations?limit=5").bearer(&user.id_token).send().await;
    let message = refused.expect_error(400, "bad_request").text_at("/error/message");
    assert_eq!(message, "limit: is not known here; the parameters are pageSize, cursor");
}

async fn an_encoded_body_is_refused_with_what_to_do(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let post = || server.post("/v1/organizations").bearer(&user.id_token);
    for coding in ["gzip", "br", "identity, gzip"] {
        let request = post().header("content-type", "application/json").header("content-encoding", coding);
        let refused = request.body(vec![0x1f, 0x8b, 8, 0]).send().await.expect_error(415, "unsupported_media_type");
        assert!(refused.text_at("/error/message").contains("without Content-Encoding"), "{}", refused.text);
    }
    for charset in ["utf-16", "\"UTF-16LE\"", "iso-8859-1"] {
        let request = post().header("content-type", &format!("application/json; charset={charset}"));
        let refused = request.body("{\"name\":\"A\"}").send().await.expect_error(415, "unsupported_media_type");
        assert!(refused.text_at("/error/message").contains("UTF-8"), "{}", refused.text);
    }
    let listed = server.get("/v1/organizations").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(listed["data"], json!([]), "nothing was made");
    for (name, value) in [("content-encoding", "identity"), ("x-nothing", "x")] {
        for charset in ["", "; charset=utf-8", "; charset=\"UTF-8\"", "; charset=us-ascii"] {
            let request = post().header("content-type", &format!("application/json{charset}")).header(name, value);
            request.body("{\"name\":\"A\"}").send().await.expect(201);
        }
    }
}

async fn pages_of_other_origins_are_refused_in_plain_words(db: Backend) {
    let server = Server::with(db, |config| config.server.cors_origins = vec!["https://admin.example.com".into()]).await;
    let preflight = |origin: &str, method: &str, headers: &str| {
        let request =
            server.request("OPTIONS".parse().expect("a method"), "/v1/organizations").header("origin", origin);
        request.header("access-control-request-method", method).header("access-control-request-headers", headers)
    };
    let rows = [
        ("https://evil.example", "POST", "authorization", "server.cors_origins"),
        ("https://admin.example.com", "BREW", "authorization", "method"),
        ("https://admin.example.com", "POST", "x-strange", "header"),
        ("nonsense", "POST", "authorization", "server.cors_origins"),
    ];
    for (origin, method, headers, word) in rows {
        let refused = preflight(origin, method, headers).send().await;
        assert!(refused.status == 400 || refused.status == 403, "{}", refused.text);
        let message = refused.text_at("/error/message");
        assert!(message.contains(word) && words::of_a_framework(&message).is_none(), "{message}");
    }
}

async fn what_is_not_http_gets_a_body_and_no_error_in_the_log(db: Backend) {
    let database = Server::start(db).await.database.clone();
    let mut server = Keyward::serve(database, "").await;
    let rows = [
        "GET /v1/me HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n".to_owned(),
        "POST /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned(),
        format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n", "a".repeat(300_000)),
    ];
    for request in rows {
        let (status, headers, body) = raw(&server, request.clone()).await;
        assert!([400, 431].contains(&status.as_u16()), "{status}");
        let body: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {}", &request[..20]));
        let message = body["error"]["message"].as_str().expect("a message");
        assert!(words::of_a_framework(message).is_none(), "{message}");
        assert_eq!(headers["content-type"], "application/json");
        assert!(body["error"]["requestId"].is_string());
    }
    assert!(server.terminate().success());
    // The fields of a child's events are not nested.
    let of_children =
        log::events_of("actix_http::h1::dispatcher").into_iter().filter(|event| event["message"].is_string());
    let errors: Vec<Value> = of_children.filter(|event| event["level"] == "ERROR").collect();
    assert_eq!(errors, Vec::<Value>::new());
    assert!(!log::events_of("the connection ended by an error").is_empty());
}

async fn a_wrong_configuration_is_explained_in_plain_words() {
    let rows = [
        ("[server]\nworkers = \"x\"", "server.workers", "must be an integer"),
        ("[server]\nworkers = -1", "server.workers", "must be an integer"),
        ("[server]\nlisten = 5", "server.listen", "must be"),
        ("[billing]\npause_collection = 5", "billing.pause_collection", "must be a table"),
        ("[server]\nnothing = 1", "server", "`nothing` is not a known setting"),
        ("[billing.stripe.prices]\nprice_1 = \"pro\"", "billing.stripe.webhook_secrets", "must be set"),
    ];
    for (text, setting, wanted) in rows {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let mut command = process::command(&["config", "check"]);
        command.env("KEYWARD_CONFIG", file.path()).env("DATABASE_URL", "sqlite:///nowhere/keyward.db");
        let output = process::output(command).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(setting) && told.contains(wanted), "{text}: {told}");
        assert!(words::of_a_framework(&told).is_none() && !told.contains("``"), "{text}: {told}");
    }
}
