//! One node, counting in memory.

use super::{left, limit};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;
use std::time::Duration;

tests![
    each_answer_to_a_key_says_what_is_left_and_a_refusal_says_when_to_return,
    a_refused_request_reaches_no_handler,
    keys_of_a_workspace_share_its_limit_and_nobody_elses,
    a_refusal_by_the_workspace_uses_nothing_up_of_the_key,
    people_are_not_limited,
    another_plan_applies_with_the_next_request,
    a_browser_may_read_the_headers,
];

async fn each_answer_to_a_key_says_what_is_left_and_a_refusal_says_when_to_return(db: Backend) {
    let server = Server::with(db, |config| limit(config, 4, 10)).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let rows = [
        ("/v1/whoami", None, 200),
        ("/v1/organizations", None, 403),
        ("/v1/nothing", None, 404),
        ("/v1/whoami", Some("ws_01k4w5c9q2e0vb7m3t8z6r1xhd"), 403),
        ("/v1/whoami", None, 429),
    ];
    for (number, (path, workspace, status)) in (1..).zip(rows) {
        let mut request = server.get(path).bearer(&key.plaintext);
        if let Some(workspace) = workspace {
            request = request.header("x-workspace-id", workspace);
        }
        let answer = request.send().await.expect(status);
        let policy = "\"key\";q=4;w=240, \"workspace\";q=10;w=600";
        assert_eq!(answer.header("ratelimit-policy"), Some(policy));
        let used = u32::min(number, 4);
        assert_eq!(left(&answer), (4 - used, 10 - used), "{path}");
        if status == 429 {
            let refused = answer.expect_error(429, "rate_limited");
            let seconds: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
            assert!((1..=60).contains(&seconds), "{seconds}");
            server.clock.advance(Duration::from_secs(seconds));
        }
    }
    let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(left(&answer).0, 0);
    server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(429, "rate_limited");
}

async fn a_refused_request_reaches_no_handler(db: Backend) {
    let change = |config: &mut keyward::base::config::Config| {
        limit(config, 1, 10);
        config.keys.manage_with_keys = true;
    };
    let server = Server::with(db, change).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let path = tenant.workspace_path("/api-keys");
    server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    let before = dump(&server.database);
    let create = server.post(&path).bearer(&key.plaintext).json(json!({"name": "Another"}));
    create.send().await.expect_error(429, "rate_limited");
    server.delete(&tenant.key_path(&key, "")).bearer(&key.plaintext).send().await.expect_error(429, "rate_limited");
    // Not even what is wrong with the request is looked at.
    server.post(&path).bearer(&key.plaintext).body("nonsense").send().await.expect_error(429, "rate_limited");
    assert_unchanged(&before, &server.database);
}

async fn keys_of_a_workspace_share_its_limit_and_nobody_elses(db: Backend) {
    let server = Server::with(db, |config| limit(config, 3, 5)).await;
    let (tenant, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let [first, second] = [1, 2].map(|_| tenant.create_key(&tenant.owner, json!({})));
    let (first, second) = (first.await, second.await);
    assert_eq!(admitted(&server, &first, 5).await, 3, "the key's burst");
    assert_eq!(admitted(&server, &second, 5).await, 2, "what is left of the workspace's");
    let others = other.create_key(&other.owner, json!({})).await;
    assert_eq!(admitted(&server, &others, 5).await, 3, "another tenant");
}

async fn a_refusal_by_the_workspace_uses_nothing_up_of_the_key(db: Backend) {
    let server = Server::with(db, |config| limit(config, 3, 3)).await;
    let tenant = Tenant::new(&server).await;
    let first = tenant.create_key(&tenant.owner, json!({})).await;
    let second = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(admitted(&server, &first, 3).await, 3);
    for _ in 0..5 {
        let refused = server.get("/v1/whoami").bearer(&second.plaintext).send().await.expect_error(429, "rate_limited");
        assert_eq!(left(&refused), (3, 0));
        assert!(refused.text_at("/error/message").contains("workspace"));
    }
}

async fn people_are_not_limited(db: Backend) {
    let server = Server::with(db, |config| limit(config, 1, 1)).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(admitted(&server, &key, 2).await, 1);
    for _ in 0..5 {
        let answer = server.get("/v1/whoami").bearer(&tenant.owner.id_token).send().await.expect(200);
        assert!(answer.header("ratelimit").is_none() && answer.header("ratelimit-policy").is_none());
    }
    let unknown = server.get("/v1/whoami").bearer("sk_live_nonsense").send().await.expect(401);
    assert!(unknown.header("ratelimit").is_none());
}

async fn another_plan_applies_with_the_next_request(db: Backend) {
    let server = Server::with(db, |config| limit(config, 2, 2)).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    assert_eq!(admitted(&server, &key, 3).await, 2);
    let set = ["subscription", "set", &tenant.organization_id, "--status", "active", "--plan", "pro"];
    process::run(&server.database, &set).await;
    let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    let policy = "\"key\";q=1000;w=10, \"workspace\";q=5000;w=10";
    assert_eq!(answer.header("ratelimit-policy"), Some(policy));
    let set = ["subscription", "set", &tenant.organization_id, "--status", "active", "--plan", "free"];
    process::run(&server.database, &set).await;
    let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
    assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=2;w=120, \"workspace\";q=2;w=120"));
}

async fn a_browser_may_read_the_headers(db: Backend) {
    let origin = "https://admin.example.com";
    let server = Server::with(db, |config| config.server.cors_origins = vec![origin.to_owned()]).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let answer = server.get("/v1/whoami").bearer(&key.plaintext).header("origin", origin).send().await.expect(200);
    let exposed = answer.header("access-control-expose-headers").expect("some are").to_ascii_lowercase();
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.contains(&name), "{name} in {exposed:?}");
    }
}

/// How many of so many requests are admitted; the others are refused for that reason and no other.
async fn admitted(server: &Server, key: &Key, requests: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..requests {
        let answer = server.get("/v1/whoami").bearer(&key.plaintext).send().await;
        if answer.status == 429 {
            answer.expect_error(429, "rate_limited");
        } else {
            answer.expect(200);
            admitted += 1;
        }
    }
    admitted
}
