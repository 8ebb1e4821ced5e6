//! Every operation of the document, executed in the Swagger UI of `keyward demo` with what the page prefills.

use super::run;
use crate::support::{environment, process, tests_once};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

tests_once![every_operation_of_the_page_works_with_the_examples_that_it_prefills];

/// Operations whose input is a secret that no document can know: what they answer to the example.
const SECRETS: [(&str, &str, u16, &str); 9] = [
    ("GET", "/__/auth/action", 400, "This link is not valid"),
    ("POST", "/__/auth/action", 400, "This link is not valid"),
    ("GET", "/__/auth/invitation", 400, "This invitation is not valid"),
    ("POST", "/__/auth/invitation", 400, "This invitation is not valid"),
    ("POST", "/identitytoolkit.googleapis.com/v1/accounts:delete", 400, "INVALID_ID_TOKEN"),
    ("POST", "/identitytoolkit.googleapis.com/v1/accounts:lookup", 400, "INVALID_ID_TOKEN"),
    ("POST", "/identitytoolkit.googleapis.com/v1/accounts:resetPassword", 400, "INVALID_OOB_CODE"),
    ("POST", "/identitytoolkit.googleapis.com/v1/accounts:update", 400, "INVALID_ID_TOKEN"),
    ("POST", "/securetoken.googleapis.com/v1/token", 400, "INVALID_REFRESH_TOKEN"),
];

/// Operations on what the demo does not have: 404.
const UNKNOWN: [(&str, &str); 7] = [
    ("POST", "/v1/invitations/accept"),
    ("POST", "/v1/organizations/{organizationId}/invitations/{invitationId}/resend"),
    ("DELETE", "/v1/organizations/{organizationId}/invitations/{invitationId}"),
    ("DELETE", "/v1/me/sessions/{sessionId}"),
    // The demo makes no role, and the role that the page makes gets its id only then.
    ("GET", "/v1/organizations/{organizationId}/roles/{roleId}"),
    ("PATCH", "/v1/organizations/{organizationId}/roles/{roleId}"),
    ("DELETE", "/v1/organizations/{organizationId}/roles/{roleId}"),
];

/// What the operations need that take nothing but a service token: no more, since people and programs do the others.
const PERMISSIONS: &str = "keys:verify,users:write,members:write,keys:write";

async fn every_operation_of_the_page_works_with_the_examples_that_it_prefills() {
    let folder = TempDir::new_in(environment::directory()).expect("a directory");
    let demo = Demo::start(folder.path()).await;
    let mut create = process::command(&["service-token", "create", "--name", "Page", "--can", PERMISSIONS]);
    create.current_dir(folder.path()).env("DATABASE_URL", "sqlite://data/keyward.db");
    let created = process::output(create).await;
    let service_token = String::from_utf8_lossy(&created.stdout).lines().last().unwrap_or_default().to_owned();
    let input = json!({
        "url": format!("{}/docs/", demo.origin),
        "email": "demo@example.com",
        "password": demo.password(folder.path()),
        "apiKey": demo.key,
        "serviceToken": service_token,
    });
    let page = run("swagger.mjs", input).await;
    assert_eq!(page["title"], "Keyward API");
    let operations = page["operations"].as_array().expect("a list");
    let documented = document(&demo.origin).await;
    assert_eq!(operations.len(), documented.len(), "each operation of the document, and no other");

    let mut wrong = Vec::new();
    for operation in operations {
        let text = |field: &str| operation[field].as_str().unwrap_or_default();
        let (method, path, answer) = (text("method"), text("path"), text("answer"));
        let status = operation["status"].as_u64().unwrap_or_default();
        let secret = SECRETS.iter().find(|(known, at, ..)| (*known, *at) == (method, path));
        let is_right = match secret {
            Some((.., expected, words)) => status == u64::from(*expected) && answer.contains(words),
            None if UNKNOWN.contains(&(method, path)) => status == 404,
            None => (200..300).contains(&status),
        };
        if !is_right {
            wrong.push(format!("{method} {path}: {status} {answer}\n{}", text("sent")));
        }
        for (name, value) in operation["prefilled"].as_object().expect("fields") {
            // A default is what the server takes without the parameter.
            let is_needed = path.contains(&format!("{{{name}}}")) || name == "interval";
            if !is_needed && !["", "--"].contains(&value.as_str().unwrap_or_default()) {
                wrong.push(format!("{method} {path}: {name} may be left out, and is filled in with {value}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(page["complaints"].as_array().map_or(0, |all| all.iter().filter(|text| is_of_page(text)).count()), 0);
    assert_order(operations);
}

/// Chromium also complains of each refusal, which the test counts by itself.
fn is_of_page(complaint: &Value) -> bool {
    !complaint.as_str().unwrap_or_default().starts_with("Failed to load resource")
}

/// Keys first, identity last, and in no group a deletion before a change.
fn assert_order(operations: &[Value]) {
    let mut tags: Vec<&str> = operations.iter().filter_map(|operation| operation["tag"].as_str()).collect();
    tags.dedup();
    assert_eq!((tags.first(), tags.last()), (Some(&"API keys"), Some(&"Identity")), "{tags:?}");
    for tag in tags {
        let own = operations.iter().filter(|operation| operation["tag"] == tag);
        let methods: Vec<&str> = own.filter_map(|operation| operation["method"].as_str()).collect();
        let first_deletion = methods.iter().position(|method| *method == "DELETE").unwrap_or(methods.len());
        assert!(!methods[first_deletion..].contains(&"PATCH"), "{tag}: {methods:?}");
    }
}

/// Method and path of each operation of the served document.
async fn document(origin: &str) -> Vec<(String, String)> {
    let answer = reqwest::get(format!("{origin}/openapi.json")).await.expect("an answer");
    let document: Value = answer.json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// `keyward demo` on a free port. Dropping it kills it.
struct Demo {
    child: Child,
    origin: String,
    key: String,
}

impl Demo {
    async fn start(folder: &Path) -> Self {
        let (out, errors) = (folder.join("out.txt"), folder.join("errors.txt"));
        let mut command: Command = process::command(&["demo", "--listen", "127.0.0.1:0"]);
        command
            .current_dir(folder)
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&errors).expect("a file"));
        let child = command.spawn().expect("the demo starts");
        let mut demo = Self { child, origin: String::new(), key: String::new() };
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = fs::read_to_string(&out).unwrap_or_default();
            let word_after = |name: &str| said.split_once(name).and_then(|(_, rest)| rest.split_whitespace().next());
            if let (Some(origin), Some(key), true) =
                (word_after("running on "), word_after("API key "), said.contains("Try it:"))
            {
                (demo.origin, demo.key) = (origin.to_owned(), key.to_owned());
                return demo;
            }
            let errors = || fs::read_to_string(&errors).unwrap_or_default();
            assert!(Instant::now() < deadline, "the demo did not start: {said} {}", errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn password(&self, folder: &Path) -> String {
        fs::read_to_string(folder.join("data/demo-password")).expect("a password").trim().to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whatever fails here, it has stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
