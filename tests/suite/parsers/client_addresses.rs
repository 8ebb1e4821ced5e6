//! The client's address is the same for limits, keys, audit and logs, however a proxy writes it; and never a proxy's in
//! place of one that can't be read.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::raw::raw;
use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, log, tests};
use keyward::base::config::{Config, ForwardedHeader};
use serde_json::{Value, json};

tests![
    each_form_of_a_hop_is_its_address_everywhere,
    a_hop_that_can_not_be_read_is_400_everywhere_and_changes_nothing,
    only_the_configured_header_counts,
    the_port_makes_no_other_client_for_the_limits,
    audit_and_log_have_the_address_without_its_port,
];

fn behind_a_proxy(config: &mut Config) {
    config.server.trusted_proxies =
        vec!["127.0.0.0/8".parse().expect("a block"), "10.0.0.0/8".parse().expect("a block")];
}

const FORMS: [&str; 11] = [
    "203.0.113.7",
    "203.0.113.7:51008",
    "\"203.0.113.7:51008\"",
    "::ffff:203.0.113.7",
    "[::ffff:203.0.113.7]:51008",
    "\"[2001:db8::1]:51008\"",
    "[2001:db8::1]",
    "2001:db8::1",
    "2001:db8::1%eth0",
    "198.51.100.1, 203.0.113.7:51008, 10.0.0.1:443",
    "\u{e9}, 203.0.113.7",
];

/// A request with these bytes in a header, and a body.
async fn send(server: &Api, request: &str, credential: &str, header: &str, body: &str) -> (u16, Value) {
    let text = format!(
        "{request} HTTP/1.1\r\nHost: keyward\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{credential}{header}\r\n\r\n{body}",
        body.len()
    );
    let (status, _, body) = raw(server, text).await;
    (status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

async fn each_form_of_a_hop_is_its_address_everywhere(db: Backend) {
    let server = Server::with(db, behind_a_proxy).await;
    let tenant = Tenant::new(&server).await;
    let token = service_token(&server.database).await;
    let bound = json!({ "allowedIps": ["203.0.113.0/24", "2001:db8::/32"] });
    let key = tenant.create_key(&tenant.owner, bound).await.plaintext;
    let elsewhere =
        tenant.create_key(&tenant.owner, json!({ "allowedIps": ["127.0.0.1", "10.0.0.0/8"] })).await.plaintext;
    for form in FORMS {
        let header = format!("X-Forwarded-For: {form}");
        for path in ["GET /v1/whoami", "GET /v1/forward-auth"] {
            let (status, _) = send(&server, path, &format!("Authorization: Bearer {key}\r\n"), &header, "").await;
            assert_eq!(status, 200, "{path} {form}");
            let credential = format!("Authorization: Bearer {elsewhere}\r\n");
            let (status, _) = send(&server, path, &credential, &header, "").await;
            assert_eq!(status, 403, "{path} {form}");
        }
        for (key, code) in [(&key, "VALID"), (&elsewhere, "IP_NOT_ALLOWED")] {
            let (credential, question) =
                (format!("Authorization: Bearer {token}\r\n"), json!({ "key": key }).to_string());
            let (_, answer) = send(&server, "POST /v1/keys/verify", &credential, &header, &question).await;
            assert_eq!(answer["code"], code, "{form}");
        }
    }
}

async fn a_hop_that_can_not_be_read_is_400_everywhere_and_changes_nothing(db: Backend) {
    let server = Server::with(db, behind_a_proxy).await;
    let tenant = Tenant::new(&server).await;
    let service = format!("Authorization: Bearer {}\r\n", service_token(&server.database).await);
    let key = tenant.create_key(&tenant.owner, json!({ "allowedIps": ["127.0.0.1", "10.0.0.0/8"] })).await.plaintext;
    let program = format!("Authorization: Bearer {key}\r\n");
    let person = format!("Authorization: Bearer {}\r\n", tenant.owner.id_token);
    let sign_in = json!({ "email": tenant.owner.email, "password": tenant.owner.password }).to_string();
    let (question, name) = (json!({ "key": key }).to_string(), json!({ "name": "Other" }).to_string());
    let requests = [
        ("GET /v1/whoami", &program, ""),
        ("GET /v1/forward-auth", &program, ""),
        ("POST /v1/whoami/revoke", &program, ""),
        ("POST /v1/keys/verify", &service, question.as_str()),
        ("POST /v1/organizations", &person, name.as_str()),
        ("GET /v1/me", &person, ""),
        ("POST /identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", &String::new(), sign_in.as_str()),
        ("GET /nowhere", &String::new(), ""),
    ];
    let before = dump(&server.database);
    for hops in
        ["\u{e9}", "unknown", "203.0.113.7, nonsense", "203.0.113.7, \u{e9}, 10.0.0.1", "203.0.113.7:port", "\""]
    {
        for (request, credential, body) in &requests {
            let (status, answer) = send(&server, request, credential, &format!("X-Forwarded-For: {hops}"), body).await;
            assert_eq!(status, 400, "{request} {hops}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("x-forwarded-for") && message.contains("IP address"),
                "{request} {hops}: {answer}"
            );
        }
    }
    assert_unchanged(&before, &server.database);
    // From a client that is no proxy, the header is only text.
    let open = server.another(|config| config.server.trusted_proxies.clear()).await;
    let (status, _) = send(&open, "GET /v1/whoami", &program, "X-Forwarded-For: \u{e9}", "").await;
    assert_eq!(status, 200);
}

async fn only_the_configured_header_counts(db: Backend) {
    let server = Server::with(db, |config| {
        behind_a_proxy(config);
        config.server.forwarded_header = ForwardedHeader::Forwarded;
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let key =
        tenant.create_key(&tenant.owner, json!({ "allowedIps": ["203.0.113.0/24", "2001:db8::/32"] })).await.plaintext;
    let ask = async |name: &str, value: &str| -> Answer {
        server.get("/v1/whoami").bearer(&key).header(name, value).send().await
    };
    for value in [
        "for=203.0.113.7",
        "For=\"203.0.113.7:51008\";proto=https;by=10.0.0.1",
        "proto=https;for=\"[2001:db8::1]:_port\"",
        "for=198.51.100.1, for=203.0.113.7, for=10.0.0.1",
    ] {
        ask("forwarded", value).await.expect(200);
    }
    for value in ["for=198.51.100.1", "for=203.0.113.7, for=198.51.100.1"] {
        ask("forwarded", value).await.expect_error(403, "ip_not_allowed");
    }
    for value in
        ["for=unknown", "for=_hidden", "proto=https", "for=203.0.113.7;for=203.0.113.8", "203.0.113.7", "for=\""]
    {
        let refused = ask("forwarded", value).await.expect_error(400, "bad_request");
        assert!(refused.text.contains("forwarded"), "{}", refused.text);
    }
    // What its client sent under the other name may come through such a proxy.
    ask("x-forwarded-for", "203.0.113.7").await.expect_error(403, "ip_not_allowed");
}

async fn guess(server: &Api, from: &str, email: &str) -> bool {
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword";
    let request = server.post(path).header("x-forwarded-for", from);
    let answer = request.json(json!({ "email": email, "password": "not-the-password" })).send().await;
    !answer.text.contains("TOO_MANY_ATTEMPTS_TRY_LATER")
}

async fn the_port_makes_no_other_client_for_the_limits(db: Backend) {
    let server = Server::with(db, |config| {
        behind_a_proxy(config);
        config.identity.limits.failures_per_address = 3;
    })
    .await;
    let forms = ["203.0.113.7:1", "203.0.113.7:2", "\"[::ffff:203.0.113.7]:3\"", "203.0.113.7"];
    for (count, form) in forms.iter().enumerate() {
        let is_taken = guess(&server, form, &format!("user-{count}@example.com")).await;
        assert_eq!(is_taken, count < 3, "{form}");
    }
    // Another client behind the same proxy has its own limit.
    assert!(guess(&server, "203.0.113.8:1", "user-9@example.com").await);
}

async fn audit_and_log_have_the_address_without_its_port(db: Backend) {
    let server = Server::with(db, behind_a_proxy).await;
    let tenant = Tenant::new(&server).await;
    let create = server.post(&tenant.workspace_path("/api-keys")).bearer(&tenant.owner.id_token);
    let answer = create.header("x-forwarded-for", "203.0.113.7:51008").json(json!({})).send().await.expect(201);
    let trail =
        server.get(&tenant.organization_path("/audit-events")).bearer(&tenant.owner.id_token).send().await.expect(200);
    assert_eq!(trail["data"][0]["address"], "203.0.113.7", "{}", trail.text);
    let lines = log::events_of(answer.header("x-request-id").expect("an id"));
    assert!(lines.iter().any(|line| line.to_string().contains("203.0.113.7")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.to_string().contains("51008")), "{lines:?}");
}
