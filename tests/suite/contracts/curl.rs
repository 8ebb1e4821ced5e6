//! The documented `curl` commands, run as they are printed: only the host and what stands for a secret are replaced.

use crate::support::{Server, process, secrets};
use serde_json::Value;
use std::process::Command;

/// What a command printed.
#[derive(Debug)]
pub struct Printed {
    pub status: u16,
    /// The headers, in lower case.
    pub headers: String,
    pub body: Value,
}

impl Printed {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of =
            |line: &'_ str| line.split_once(": ").filter(|(found, _)| *found == name).map(|(found, _)| found.len() + 2);
        self.headers.lines().find_map(|line| of(line).map(|start| line[start..].trim()))
    }
}

/// Runs a documented command. Each pair replaces a text that must be there.
pub async fn run(server: &Server, documented: &str, replacements: &[(&str, &str)]) -> Printed {
    let mut command = documented.to_owned();
    for (documented, own) in replacements {
        assert!(command.contains(documented), "{documented:?} is not in the command:\n{command}");
        command = command.replace(documented, own);
    }
    for header in ["Authorization: Bearer ", "soku-api-key: "] {
        for value in command.split(header).skip(1) {
            secrets::register(value.split('"').next().unwrap_or_default());
        }
    }
    assert!(command.contains(&server.url("")), "the command must be for the test's server:\n{command}");
    // Besides what is documented, only what makes the answer readable here.
    let script = command.replacen("curl ", "curl --silent --show-error --noproxy '*' --include ", 1);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&script);
    let output = process::output(shell).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl failed: {errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let headers = head.lines().skip(1).map(|line| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}\n", name.to_lowercase()),
        None => String::new(),
    });
    Printed { status, headers: headers.collect(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}
