//! Firebase's own SDKs, in Node.js and in a browser, against a running server.

pub mod packages;
mod page_server;

use crate::support::smtp::Smtp;
use crate::support::{Backend, Server, environment, process, secrets, tests};
use page_server::PageServer;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

tests![firebases_sdk_and_admin_sdk_work_unchanged, a_page_of_another_origin_signs_in_from_a_browser];

async fn firebases_sdk_and_admin_sdk_work_unchanged(db: Backend) {
    let packages = packages::installed().await;
    let mails = TempDir::new_in(environment::directory()).expect("a directory");
    let smtp = Smtp::keeping(Some(mails.path().to_owned()));
    let server = Server::with(db, |config| config.mail.smtp_url = Some(smtp.url().into())).await;
    let mut command = Command::new("node");
    command
        .arg(packages.join("sdk.mjs"))
        .envs(process::command_on(&server.database, &[]).get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("BASE", server.url(""))
        .env("ISSUER", "http://localhost:8080/")
        .env("MAILS", mails.path())
        .env("KEYWARD", env!("CARGO_BIN_EXE_keyward"));
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("node runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "sdk.mjs failed: {errors}");
    let seen: Vec<String> = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert!(seen.len() > 10);
    seen.iter().for_each(|secret| secrets::register(secret));
}

async fn a_page_of_another_origin_signs_in_from_a_browser(db: Backend) {
    let page = PageServer::start(packages::installed().await);
    let origin = page.origin();
    let server = Server::with(db, |config| config.server.cors_origins = vec![origin.clone()]).await;
    let profile = TempDir::new_in(environment::directory()).expect("a directory");
    let mut browser = Command::new(packages::chromium());
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // Without it the browser would leave before the page is done.
        .arg("--remote-debugging-port=0")
        .arg(format!("{origin}/page.html?base={}", server.url("")))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut browser = browser.spawn().expect("chromium starts");
    let result = page.result(Duration::from_secs(60)).await;
    // Whatever fails here, it has stopped already.
    let _ = browser.kill();
    let _ = browser.wait();
    let result = result.expect("the page reports within a minute");
    assert!(result["error"].is_null(), "{result}");
    assert_eq!(result["wrong"], "auth/invalid-credential");
    assert_eq!(result["me"]["user"]["email"], "eve@example.com");
    secrets::register("a-browsers-password");
}
