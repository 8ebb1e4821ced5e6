//! How the node is: details for operators, and one word for all others.

use crate::support::http::Api;
use crate::support::{Backend, Server, tests};
use serde_json::json;
use std::time::Duration;

tests![details_of_readiness_are_for_this_machine_and_the_listener_of_the_metrics];

async fn details_of_readiness_are_for_this_machine_and_the_listener_of_the_metrics(db: Backend) {
    let server = Server::with(db, |config| {
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
        config.database.pool_timeout = Duration::from_millis(300);
    })
    .await;
    let metrics = Api::new(server.metrics_address().expect("a listener"), server.database.clone());
    let trusting =
        server.another(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a block")]);
    let trusting = trusting.await;
    let through = |server: &Server, name: &str| server.get("/readyz").header(name, "203.0.113.7");
    let local = server.get("/readyz").send().await.expect(200);
    assert!(
        local["parts"].is_object() && local["nodes"].is_u64() && local.body.get("leaseAgeMs").is_some(),
        "{}",
        local.text
    );
    let scraped = metrics.get("/readyz").try_send().await.expect("an answer").expect(200);
    assert!(scraped["parts"].is_object() && scraped["nodes"].is_u64(), "{}", scraped.text);
    for node in [&server, &trusting] {
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
            assert_eq!(through(node, name).send().await.expect(200).body, json!({ "status": "ready" }), "{name}");
        }
    }

    if db == Backend::Sqlite {
        return;
    }
    server.database.take_away();
    let of_stranger = through(&server, "x-forwarded-for").send().await.expect_error(503, "unavailable");
    assert!(!of_stranger.text.contains("atabase"), "{}", of_stranger.text);
    for answer in [server.get("/readyz").send().await, metrics.get("/readyz").try_send().await.expect("an answer")] {
        assert_eq!(
            (answer.status, &answer["error"]["details"][0]["field"]),
            (503, &json!("database")),
            "{}",
            answer.text
        );
    }
}
