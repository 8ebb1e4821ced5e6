//! Each sign-in, and each refused one, has one line in the log and one count.

use super::rest::sign_in;
use crate::metrics;
use crate::support::http::Answer;
use crate::support::log;
use crate::support::process::{self, Keyward};
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

tests![each_sign_in_has_one_line_with_account_and_reason, sign_ins_are_counted_by_reason];

/// Where the lines come from.
const TARGET: &str = "keyward::domain::identity::provider::sign_in_record";

/// An answer, and what its line must have: message, reason, account and the address's hash.
type Row<'a> = (Answer, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

async fn each_sign_in_has_one_line_with_account_and_reason(db: Backend) {
    let server = Server::start(db).await;
    let (user, disabled) = (User::sign_up(&server).await, User::sign_up(&server).await);
    process::run(&server.database, &["user", "disable", &disabled.email]).await;
    let settings = "identity.limits.failures_per_account_and_address = 2";
    let mut child = Keyward::serve_logging(server.database.clone(), settings, "info").await;
    let unknown = "stranger@example.com";
    let hash: String = Sha256::digest(unknown)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut rows: Vec<Row<'_>> = Vec::new();
    let id = Some(user.local_id.as_str());
    rows.push((sign_in(&child, &user.email, &user.password).await, "signed in", "success", id, None));
    let wrong = sign_in(&child, &user.email, "not-the-password").await;
    rows.push((wrong, "sign-in refused", "wrong_password", id, None));
    for _ in 0..2 {
        let nobody = sign_in(&child, unknown, "not-the-password").await;
        rows.push((nobody, "sign-in refused", "unknown_address", None, Some(&hash)));
    }
    let limited = sign_in(&child, unknown, "not-the-password").await;
    rows.push((limited, "sign-in refused", "too_many_attempts", None, Some(&hash)));
    let stopped = sign_in(&child, &disabled.email, &disabled.password).await;
    rows.push((stopped, "sign-in refused", "disabled", Some(&disabled.local_id), None));
    let typed = sign_in(&child, "a-password-in-the-wrong-field", "not-the-password").await;
    rows.push((typed, "sign-in refused", "invalid_address", None, None));
    let form = [("grant_type", "password"), ("username", &*user.email), ("password", "not-the-password")];
    let by_docs = child.post("/docs/token").form(&form).send().await;
    rows.push((by_docs, "sign-in refused", "wrong_password", id, None));
    child.terminate();
    for (answer, message, reason, account, hash) in &rows {
        let all = log::events_of(answer.header("x-request-id").expect("an id"));
        let lines: Vec<&Value> = all.iter().filter(|event| event["target"] == TARGET).collect();
        assert_eq!(lines.len(), 1, "{reason}: {all:?}");
        let line = lines[0];
        assert_eq!((&line["level"], &line["message"]), (&json!("INFO"), &json!(message)), "{line}");
        assert_eq!((&line["reason"], &line["account"]), (&json!(reason), &json!(account)), "{line}");
        assert_eq!((&line["email_hash"], &line["address"]), (&json!(hash), &json!("127.0.0.1")), "{line}");
        let text = format!("{all:?}");
        for hidden in [unknown, "not-the-password", "a-password-in-the-wrong-field", &user.password, &user.email] {
            assert!(!text.contains(hidden), "{hidden} is in {text}");
        }
    }
}

async fn sign_ins_are_counted_by_reason(db: Backend) {
    let server = metrics::start(db).await;
    let user = User::sign_up(&server).await;
    sign_in(&server, &user.email, &user.password).await.expect(200);
    for email in [user.email.as_str(), "nobody@example.com", "nobody@example.com", "no address"] {
        sign_in(&server, email, "not-the-password").await.expect(400);
    }
    let text = metrics::scrape(&server).await;
    for (reason, count) in [
        ("success", 1),
        ("wrong_password", 1),
        ("unknown_address", 2),
        ("invalid_address", 1),
        ("disabled", 0),
        ("too_many_attempts", 0),
        ("overloaded", 0),
        ("unavailable", 0),
    ] {
        let series = format!("keyward_sign_ins_total{{reason=\"{reason}\"}}");
        assert!(text.lines().any(|line| line == format!("{series} {count}")), "{series} in {text}");
    }
}
