//! The headers of every route: [`Api`](crate::support::http::Api) checks them on each answer, and so on those of all tests.

use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, tests};
use reqwest::Method;
use serde_json::json;

tests![every_route_answers_each_method_with_the_headers_that_browsers_heed, hot_answers_have_them_once];

async fn every_route_answers_each_method_with_the_headers_that_browsers_heed(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let document = server.get("/openapi.json").send().await.expect(200);
    let documented = document["paths"].as_object().expect("paths").keys().cloned();
    let beside =
        ["/docs/", "/docs", "/docs/none", "/openapi.json", "/openapi-3.0.json", "/nothing", "/v1/nothing", "/"];
    let beside = beside.into_iter().chain(["/.well-known/security.txt"]).map(str::to_owned);
    let paths: Vec<String> = documented.chain(beside).collect();
    assert!(paths.len() > 40, "only {} paths", paths.len());
    for path in paths {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let method: Method = method.parse().expect("a method");
            for token in [None, Some(&key), Some(&tenant.owner.id_token)] {
                // Nothing changes: there is nothing with such an id, and no body has what is required.
                let request = server.request(method.clone(), &path.replace(['{', '}'], ""));
                let answer = match token {
                    Some(token) => request.bearer(token).send().await,
                    None => request.send().await,
                };
                assert!(method != Method::TRACE || answer.status >= 400, "TRACE {path} answered {}", answer.status);
            }
        }
    }
}

async fn hot_answers_have_them_once(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let service = service_token(&server.database).await;
    // The first answers come the long way, the later ones from memory.
    for _ in 0..5 {
        server.get("/v1/whoami").bearer(&key).send().await.expect(200);
        server.get("/v1/forward-auth").bearer(&key).send().await.expect(200);
        let verify = server.post("/v1/keys/verify").bearer(&service);
        verify.json(json!({ "key": key })).send().await.expect(200);
    }
}
