//! The Swagger UI and `security.txt`.

use crate::firebase::packages::chromium;
use crate::support::{Backend, Server, environment, process, tests_once};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

tests_once![
    the_swagger_ui_keeps_no_password_and_loads_nothing_from_elsewhere,
    the_swagger_ui_works_under_its_policy_in_a_browser,
    the_documentation_can_be_switched_off,
    security_txt_names_the_contact_until_it_expires,
    a_security_txt_that_readers_could_not_use_is_refused,
];

async fn the_swagger_ui_keeps_no_password_and_loads_nothing_from_elsewhere() {
    let server = Server::with(Backend::Sqlite, |config| {
        config.server.public_url = "https://keys.example.com/behind/a/path".into();
    })
    .await;
    let page = server.get("/docs/").send().await.expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    for directive in [
        "script-src 'self';",
        "connect-src 'self' https://keys.example.com;",
        "frame-ancestors 'none';",
        "base-uri 'none'",
        "object-src 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(directive), "{directive} is not in {policy}");
    }
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    let start = server.get("/docs/swagger-initializer.js").send().await.expect(200);
    assert!(start.text.contains("tryItOutEnabled"), "these are the page's settings");
    assert!(!start.text.contains("persistAuthorization"), "{}", start.text);
}

async fn the_swagger_ui_works_under_its_policy_in_a_browser() {
    let server = Server::start(Backend::Sqlite).await;
    let profile = TempDir::new_in(environment::directory()).expect("a directory");
    let mut browser = Command::new(chromium());
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=20000", "--timeout=60000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(server.url("/docs/"));
    let output = process::output(browser).await;
    let (page, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(page.contains("opblock-summary-path") && page.contains("whoami"), "the operations are not shown: {told}");
    assert!(!told.contains("Content Security Policy"), "{told}");
}

async fn the_documentation_can_be_switched_off() {
    let server = Server::with(Backend::Sqlite, |config| config.docs.enabled = false).await;
    for path in ["/docs", "/docs/", "/docs/swagger-ui-bundle.js", "/openapi.json", "/openapi-3.0.json", "/docs/token"] {
        server.get(path).send().await.expect_error(404, "not_found");
    }
    let form = [("grant_type", "password"), ("username", "ada@example.com"), ("password", "correct horse battery")];
    server.post("/docs/token").form(&form).send().await.expect_error(404, "not_found");
    server.get("/v1/me").send().await.expect(401);
}

async fn security_txt_names_the_contact_until_it_expires() {
    let server = Server::start(Backend::Sqlite).await;
    server.get("/.well-known/security.txt").send().await.expect_error(404, "not_found");
    let expires = server.clock.now().plus(Duration::from_secs(60));
    let node = server.another(|config| {
        config.server.public_url = "https://keys.example.com".into();
        config.security_txt.contact = vec!["mailto:security@example.com".into(), "https://example.com/report".into()];
        config.security_txt.expires = Some(expires);
    });
    let node = node.await;
    let answer = node.get("/.well-known/security.txt").send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let expected = format!(
        "Contact: mailto:security@example.com\nContact: https://example.com/report\nExpires: {expires}\nCanonical: \
         https://keys.example.com/.well-known/security.txt\n"
    );
    assert_eq!(answer.text, expected);
    server.clock.advance(Duration::from_secs(61));
    node.get("/.well-known/security.txt").send().await.expect_error(404, "not_found");
}

async fn a_security_txt_that_readers_could_not_use_is_refused() {
    for (contact, expires, setting) in [
        ("[\"security@example.com\"]", "2027-06-30T00:00:00Z", "security_txt.contact"),
        ("[\"https://example.com/a\\nContact: b\"]", "2027-06-30T00:00:00Z", "security_txt.contact"),
        ("[\"mailto:security@example.com\"]", "", "security_txt.expires"),
        ("[\"mailto:security@example.com\"]", "soon", "security_txt.expires"),
    ] {
        let mut command = process::command(&["config", "check"]);
        command.env("KEYWARD__SECURITY_TXT__CONTACT", contact);
        if !expires.is_empty() {
            command.env("KEYWARD__SECURITY_TXT__EXPIRES", expires);
        }
        let output = process::output(command).await;
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase().replace("__", ".");
        assert!(!output.status.success() && said.contains(setting), "{contact} {expires}: {said}");
    }
}
