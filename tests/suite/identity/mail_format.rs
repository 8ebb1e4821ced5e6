//! Mails as a real parser reads them: Python's.

use super::rest::call;
use crate::invitations::mails::start;
use crate::support::tenant::User;
use crate::support::{Backend, Tenant, tests};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

tests![a_parser_reads_every_mail_without_a_complaint];

/// Prints headers, defects and text of the mail on standard input.
const PARSER: &str = r#"
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)
defects = [str(defect) for part in mail.walk() for defect in part.defects]
defects += [str(defect) for value in mail.values() for defect in value.defects]
date = mail["date"].datetime
print(json.dumps({
    "headers": sorted(name.lower() for name in mail.keys()),
    "defects": defects,
    "version": mail["mime-version"],
    "id": mail["message-id"],
    "type": mail.get_content_type(),
    "charset": mail.get_content_charset(),
    "from": mail["from"].addresses[0].addr_spec,
    "to": mail["to"].addresses[0].addr_spec,
    "has_zone": date is not None and date.tzinfo is not None,
    "text": mail.get_content(),
}))
"#;

fn parse(mail: &str) -> Value {
    let mut python = Command::new("python3");
    python.args(["-c", PARSER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().expect("python3 starts: scripts/setup.sh gateways installs it");
    python.stdin.take().expect("a pipe").write_all(mail.as_bytes()).expect("written");
    let output = python.wait_with_output().expect("python ends");
    assert!(output.status.success(), "{}: {mail}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn a_parser_reads_every_mail_without_a_complaint(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({ "name": "Bücher & Söhne" })).send().await.expect(200);
    let user = User::sign_up_as(&server, "grace@example.com").await;
    tenant.invite(&user.email, "member", &[]).await;
    call(&server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": user.email })).await.expect(200);
    call(&server, "sendOobCode", json!({ "requestType": "VERIFY_EMAIL", "idToken": user.id_token })).await.expect(200);
    let mut ids = BTreeSet::new();
    for place in 1..=3 {
        smtp.mail(place).await;
        let mail = parse(&smtp.raw(place));
        assert_eq!((&mail["defects"], &mail["version"]), (&json!([]), &json!("1.0")), "{mail}");
        assert_eq!((&mail["type"], &mail["charset"]), (&json!("text/plain"), &json!("utf-8")), "{mail}");
        assert_eq!((&mail["from"], &mail["to"]), (&json!("keyward@localhost"), &json!(user.email)), "{mail}");
        assert_eq!(mail["has_zone"], true, "{mail}");
        let expected = ["content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version"];
        let expected: Vec<&str> = expected.into_iter().chain(["subject", "to"]).collect();
        assert_eq!(mail["headers"], json!(expected), "each once: {mail}");
        let id = mail["id"].as_str().expect("an id");
        assert!(id.starts_with('<') && id.ends_with("@localhost>"), "{id}");
        assert!(ids.insert(id.to_owned()), "{id} twice");
        let text = mail["text"].as_str().expect("a text");
        let link = text.lines().find(|line| line.starts_with("http")).expect("a link on a line of its own");
        let code = link.rsplit(['=']).next().unwrap_or_default();
        assert!(code.len() > 20, "the code is whole: {link}");
    }
}
