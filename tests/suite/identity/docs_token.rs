//! `POST /docs/token`: how a person signs in inside the Swagger UI.

use crate::support::http::Answer;
use crate::support::process;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::json;

tests![the_password_grant_gives_a_token_that_works, each_refusal_is_oauths, a_disabled_account_gets_no_token,];

async fn grant(server: &Server, form: &[(&str, &str)]) -> Answer {
    server.post("/docs/token").form(form).send().await
}

#[track_caller]
fn assert_oauth_error(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer["error"], error);
    assert!(answer["error_description"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(answer.body.as_object().map(serde_json::Map::len), Some(2));
}

async fn the_password_grant_gives_a_token_that_works(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    // The dialogue's own fields besides, which mean nothing here.
    let form = [
        ("grant_type", "password"),
        ("username", &*user.email),
        ("password", &*user.password),
        ("scope", ""),
        ("client_id", "docs"),
        ("client_secret", ""),
    ];
    let answer = grant(&server, &form).await.expect(200);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let me = server.get("/v1/me").bearer(&answer.text_at("/access_token")).send().await.expect(200);
    assert_eq!(me["user"]["id"], user.user_id.as_str());
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*answer.text_at("/refresh_token"))];
    server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await.expect(200);
}

async fn each_refusal_is_oauths(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let (email, password) = (user.email.as_str(), user.password.as_str());
    let wrong =
        grant(&server, &[("grant_type", "password"), ("username", email), ("password", "wrong-password")]).await;
    let unknown_form = [("grant_type", "password"), ("username", "nobody@example.com"), ("password", "wrong-password")];
    let unknown = grant(&server, &unknown_form).await;
    assert_oauth_error(&wrong, "invalid_grant");
    assert_eq!(wrong.text, unknown.text);
    let none = grant(&server, &[("grant_type", "password"), ("username", "ada"), ("password", password)]).await;
    assert_oauth_error(&none, "invalid_grant");
    let code =
        grant(&server, &[("grant_type", "authorization_code"), ("username", email), ("password", password)]).await;
    assert_oauth_error(&code, "unsupported_grant_type");
    assert_oauth_error(&grant(&server, &[("grant_type", "password"), ("username", email)]).await, "invalid_request");
    assert_oauth_error(&grant(&server, &[("username", email), ("password", password)]).await, "invalid_request");
    let body = json!({ "grant_type": "password", "username": email, "password": password });
    assert_oauth_error(&server.post("/docs/token").json(body).send().await, "invalid_request");
}

async fn a_disabled_account_gets_no_token(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    process::run(&server.database, &["user", "disable", &user.email]).await;
    let form = [("grant_type", "password"), ("username", &*user.email), ("password", &*user.password)];
    assert_oauth_error(&grant(&server, &form).await, "invalid_grant");
}
