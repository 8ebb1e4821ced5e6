//! `keyward demo`: what it shows, and what it keeps apart.

use crate::support::process::command;
use crate::support::until::until;
use crate::support::{environment, secrets, tests_once};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use tempfile::TempDir;

tests_once![
    a_demo_shows_what_its_person_needs_on_its_own_port_and_nothing_beside,
    a_second_start_says_how_to_get_a_key_and_makes_one_when_asked,
    each_configuration_has_a_database_of_its_own,
];

/// A running demo. Dropping it kills it.
struct Demo {
    child: Child,
    printed: PathBuf,
    log: PathBuf,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whatever fails here, it has stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    /// Starts one in a directory, on a free port, and waits until it answers.
    async fn start(place: &Path, arguments: &[&str]) -> Self {
        let (printed, log) = (place.join("printed"), place.join("log"));
        let mut demo: Command = command(&[&["demo", "--listen", "127.0.0.1:0"], arguments].concat());
        demo.current_dir(place)
            .stdout(File::create(&printed).expect("a file"))
            .stderr(File::create(&log).expect("a file"));
        let demo = Self { child: demo.spawn().expect("it starts"), printed, log };
        until("the demo answers", async || match demo.shown("Keyward is running on ") {
            Some(origin) => reqwest_of(&origin).await,
            None => {
                assert!(!demo.log().contains("keyward: "), "{}", demo.log());
                false
            }
        })
        .await;
        demo
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.printed).expect("a file")
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a file")
    }

    /// What stands behind these words, up to the next blank.
    fn shown(&self, words: &str) -> Option<String> {
        let printed = self.printed();
        let rest = printed.split_once(words)?.1;
        let (value, _) = rest.trim_start().split_once(['\n', ' '])?;
        Some(value.to_owned())
    }

    fn origin(&self) -> String {
        self.shown("Keyward is running on ").expect("an origin")
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

async fn reqwest_of(origin: &str) -> bool {
    client().get(format!("{origin}/healthz")).send().await.is_ok_and(|answer| answer.status() == 200)
}

async fn whoami(demo: &Demo, key: &str) -> u16 {
    let answer = client().get(format!("{}/v1/whoami", demo.origin())).bearer_auth(key).send().await;
    answer.expect("an answer").status().as_u16()
}

fn place() -> TempDir {
    TempDir::new_in(environment::directory()).expect("a directory")
}

async fn a_demo_shows_what_its_person_needs_on_its_own_port_and_nothing_beside() {
    let place = place();
    let demo = Demo::start(place.path(), &[]).await;
    let origin = demo.origin();
    assert!(origin.starts_with("http://127.0.0.1:") && !origin.ends_with(":0"), "{origin}");
    assert_eq!(demo.log(), "");
    let (printed, key) = (demo.printed(), demo.shown("API key").expect("a key"));
    secrets::register(&key);
    assert!(printed.contains(&format!("{origin}/docs/")) && !printed.contains(":8080"), "{printed}");
    assert_eq!(whoami(&demo, &key).await, 200);
    // Links in mails, which the log has, and in tokens.
    let identity =
        |operation: &str| format!("{origin}/identitytoolkit.googleapis.com/v1/accounts:{operation}?key=demo");
    let ask = json!({ "requestType": "PASSWORD_RESET", "email": "demo@example.com" });
    let asked = client().post(identity("sendOobCode")).json(&ask).send().await.expect("an answer");
    assert_eq!(asked.status(), 200);
    until("the mail is in the log", async || demo.log().contains("/__/auth/action?mode=resetPassword")).await;
    let log = demo.log();
    assert!(log.contains(&format!("{origin}/__/auth/action?")) && !log.contains(":8080"), "{log}");
    let document = client().get(format!("{origin}/openapi.json")).send().await.expect("an answer");
    let document: Value = document.json().await.expect("JSON");
    assert!(!document["servers"].to_string().contains(":8080"), "{}", document["servers"]);
}

async fn a_second_start_says_how_to_get_a_key_and_makes_one_when_asked() {
    let place = place();
    let first = Demo::start(place.path(), &[]).await;
    let password = first.shown("Password").expect("a password");
    drop(first);
    let second = Demo::start(place.path(), &[]).await;
    assert!(!second.printed().contains("sk_live_") && second.printed().contains("--new-key"), "{}", second.printed());
    assert_eq!(second.shown("Password"), Some(password));
    drop(second);
    let third = Demo::start(place.path(), &["--new-key"]).await;
    let key = third.shown("API key").expect("a key");
    secrets::register(&key);
    assert_eq!(whoami(&third, &key).await, 200);
}

async fn each_configuration_has_a_database_of_its_own() {
    let place = place();
    let toml = "[collections.posts]\n[collections.posts.schema]\ntype = \"object\"\n";
    fs::write(place.path().join("posts.toml"), toml).expect("written");
    let with_posts = Demo::start(place.path(), &["--config", "posts.toml"]).await;
    let key = with_posts.shown("API key").expect("a key");
    secrets::register(&key);
    assert_eq!(with_posts.shown("Database").as_deref(), Some("data/demo-posts.db"));
    assert!(with_posts.printed().contains("export DATABASE_URL=sqlite://data/demo-posts.db"));
    let posts = format!("{}/v1/posts", with_posts.origin());
    let made = client().post(&posts).bearer_auth(&key).json(&json!({ "title": "Hello" })).send().await;
    assert_eq!(made.expect("an answer").status(), 201);
    drop(with_posts);
    // The demo without a configuration starts all the same, and knows neither the key nor the collection.
    let plain = Demo::start(place.path(), &[]).await;
    assert_eq!(plain.shown("Database").as_deref(), Some("data/keyward.db"));
    assert_eq!(whoami(&plain, &key).await, 401);
    drop(plain);
    let again = Demo::start(place.path(), &["--config", "posts.toml"]).await;
    assert_eq!(whoami(&again, &key).await, 200);
}
