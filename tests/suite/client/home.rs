//! [`Home`]: a user of the command line, with a configuration directory and an environment of their own.

use crate::support::{environment, process, secrets};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tempfile::TempDir;

pub struct Home {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a command left.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// Nothing is configured.
    pub fn new() -> Self {
        let directory = TempDir::new_in(environment::directory()).expect("a directory");
        Self { directory, environment: Vec::new() }
    }

    /// A user who has configured this.
    pub async fn configured(url: &str, key: &str, workspace: &str) -> Self {
        let home = Self::new();
        home.run(&["configure", "--key", key, "--workspace", workspace, "--url", url]).await.expect(0);
        home
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value.to_owned()));
    }

    /// Where `configure` writes.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("config/keyward/client.toml")
    }

    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_reading(arguments, "").await
    }

    /// Runs a command with this on its standard input.
    pub async fn run_reading(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = process::command(arguments);
        command.env("XDG_CONFIG_HOME", self.directory.path().join("config")).env("HOME", self.directory.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = if input.is_empty() {
            process::output(command).await
        } else {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the binary starts");
            child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
            tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("no panic").expect("it ends")
        };
        Ended::of(&output)
    }
}

impl Ended {
    /// No output of a client ever has a secret.
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        for secret in secrets::all() {
            assert!(!out.contains(&secret) && !err.contains(&secret), "a secret is printed");
        }
        Self { code: output.status.code().expect("it was not killed"), out, err }
    }

    /// Fails unless it ended with this code; a failure printed nothing on standard output.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        if code != 0 {
            assert_eq!(self.out, "", "{self:?}");
            assert!(self.err.starts_with("keyward: ") || self.err.starts_with("error: "), "{self:?}");
        }
        self
    }

    /// Fails unless standard error has these words.
    #[track_caller]
    pub fn saying(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
