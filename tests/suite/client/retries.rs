//! `Retry-After`, a bounded number of times.

use super::answers::Answers;
use super::home::Home;
use crate::support::{secrets, tests_once};
use std::time::{Duration, Instant};

const KEY: &str = "sk_live_patient4f9TzqKb2LwYx7RmVc1HsD";
const LIMITED: &str = r#"{"error":{"code":"rate_limited","message":"Too many.","requestId":"req_1"}}"#;

tests_once![
    a_wait_that_the_server_asks_for_is_waited,
    the_number_of_attempts_is_bounded,
    a_long_wait_is_left_to_the_user,
];

fn home(server: &Answers) -> Home {
    secrets::register(KEY);
    let mut home = Home::new();
    home.set("KEYWARD_API_KEY", KEY);
    home.set("KEYWARD_URL", &server.url());
    home
}

async fn a_wait_that_the_server_asks_for_is_waited() {
    let [limited, unavailable] = ["429 Too Many Requests", "503 Service Unavailable"];
    let body = r#"{"kind":"api_key"}"#;
    let wait = "Retry-After: 1";
    let server = Answers::start(&[(limited, wait, LIMITED), (unavailable, wait, "{}"), ("200 OK", "", body)]);
    let start = Instant::now();
    let answered = home(&server).run(&["whoami", "--json"]).await.expect(0);
    assert_eq!(answered.out.trim(), body);
    answered.saying(&["keyward: 429 rate_limited: Too many. (request req_1)", "trying again in 1 s"]);
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(server.requests(), 3);
}

async fn the_number_of_attempts_is_bounded() {
    let server = Answers::start(&[("429 Too Many Requests", "Retry-After: 0", LIMITED)]);
    home(&server).run(&["whoami"]).await.expect(7).saying(&["429 rate_limited"]);
    assert_eq!(server.requests(), 4);
    home(&server).run(&["members", "--retries", "0"]).await.expect(7);
    assert_eq!(server.requests(), 5);
    let server = Answers::start(&[("503 Service Unavailable", "Retry-After: 0", "{}")]);
    home(&server).run(&["whoami", "--retries", "1"]).await.expect(8);
    assert_eq!(server.requests(), 2);
}

async fn a_long_wait_is_left_to_the_user() {
    let server = Answers::start(&[("429 Too Many Requests", "Retry-After: 3600", LIMITED)]);
    home(&server).run(&["whoami"]).await.expect(7).saying(&["try again in 3600 s"]);
    assert_eq!(server.requests(), 1);
}
