//! [`Keeper`]: another program's server, that ends with the test, even if the whole run is killed.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Tells the server's process id, and ends it when nobody holds standard input any more: a killed run leaves nothing behind.
const SCRIPT: &str = r#"
"$@" > /dev/null & server=$!
echo "$server"
read -r _
kill -KILL "$server"
wait "$server"
"#;

/// A running server. Dropping it kills it.
pub struct Keeper {
    shell: Child,
    process_id: String,
}

impl Keeper {
    /// Runs a program. Its standard output goes nowhere.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Where the shell tells that it killed something.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("it is piped")).read_line(&mut line).expect("a process id");
        Self { shell, process_id: line.trim().to_owned() }
    }

    /// The server's.
    pub fn process_id(&self) -> &str {
        &self.process_id
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Waiting closes the pipe, which is the sign to kill. It is ending anyway; a failed test must not panic again.
        let _ = self.shell.wait();
    }
}
