//! The shell blocks of README.md and of docs/: each is run as it stands there, in the order of the page, or it is in the
//! table of those that no test runs, and the page says so.
//!
//! A page gets a directory with the repository's files, the debug binary as `keyward` on the PATH, and a `cargo` that
//! does not build: `cargo run -- X` is `keyward X`, so `make run` works as on a machine where all is built. Values that
//! readers put in themselves, such as `sk_live_…`, are put in; and the port is a free one.

use super::root;
use crate::support::until::until;
use crate::support::{environment, process};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Blocks that start a server in the foreground: their first words.
const SERVERS: [&str; 3] = ["make run", "keyward demo", "KEYWARD__SERVER__TRUSTED_PROXIES"];

/// Blocks that no test runs: page, first line, and why. The page says so too, behind [`MARK`].
const NOT_RUN: [(&str, &str, &str); 7] = [
    ("docs/guides/gateways.md", "python3 -m http.server 3000", "changes the system's nginx; gateway::recipes runs it"),
    ("docs/operations/self-hosting.md", "install -m 0755", "changes the system; deployment checks the unit file"),
    ("docs/operations/self-hosting.md", "cd /var/lib/keyward", "needs the installation of the block before"),
    ("docs/operations/self-hosting.md", "export DATABASE_URL", "needs a PostgreSQL and a Redis of the reader's"),
    ("docs/operations/self-hosting.md", "keyward backup", "writes to /backup; backups runs it"),
    ("docs/operations/self-hosting.md", "export PGOPTIONS", "needs a PostgreSQL of the reader's; backups runs it"),
    ("README.md", "make test", "is the run that this test belongs to"),
];

/// Pages whose blocks a test of their own runs, in a place that this one can't make: the page, and the file of the test.
const RUN_ELSEWHERE: [(&str, &str); 2] = [
    ("docs/guides/backend.md", "tests/suite/services/guide.rs"),
    ("docs/guides/permissions.md", "tests/suite/permissions/guide.rs"),
];

/// What a page says of a block that no test runs.
const MARK: &str = "No test runs";

/// A shell block of a page.
struct Block {
    /// Of its fence, from 1.
    line: usize,
    text: String,
    /// The prose between this block and the one before.
    prose: String,
}

impl Block {
    fn is_server(&self) -> bool {
        SERVERS.iter().any(|start| self.text.starts_with(start))
    }

    /// Whether the text before it says that no test runs it, wherever its lines break.
    fn says_so(&self) -> bool {
        self.prose.split_whitespace().collect::<Vec<_>>().join(" ").contains(MARK)
    }

    fn reason_not_to_run(&self, page: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
        NOT_RUN.iter().find(|(at, start, _)| *at == page && self.text.starts_with(start))
    }
}

/// The blocks of a page that are marked as shell.
fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut prose, mut open): (Vec<Block>, String, Option<Block>) = Default::default();
    let mut is_other_code = false;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start()) {
            (None, "```sh") if !is_other_code => {
                let prose = std::mem::take(&mut prose);
                open = Some(Block { line: index + 1, text: String::new(), prose });
            }
            (None, fence) if fence.starts_with("```") => is_other_code = !is_other_code,
            (None, _) => prose += &format!("{line}\n"),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), _) => block.text += &format!("{line}\n"),
        }
    }
    blocks
}

/// The pages with shell blocks.
fn pages() -> Vec<(String, Vec<Block>)> {
    let mut pages = Vec::new();
    for page in super::pages() {
        let path = page.path.to_str().expect("a plain path").to_owned();
        if path == "README.md" || path.starts_with("docs/") {
            pages.push((path, blocks(&page.text)));
        }
    }
    pages.retain(|(_, blocks)| !blocks.is_empty());
    pages
}

pub async fn each_block_that_no_test_runs_is_marked_and_exists() {
    let pages = pages();
    let count: usize = pages.iter().map(|(_, blocks)| blocks.len()).sum();
    assert!(pages.len() >= 7 && count >= 20, "{count} blocks on {} pages: are they still found?", pages.len());
    for (at, start, _) in NOT_RUN {
        let (_, blocks) = pages.iter().find(|(page, _)| page == at).unwrap_or_else(|| panic!("{at} has no blocks"));
        let block = blocks.iter().find(|block| block.text.starts_with(start));
        let block = block.unwrap_or_else(|| panic!("{at} has no block that starts with {start}"));
        // The reader need not know of the test that runs all tests.
        let is_marked = block.says_so() || start == "make test";
        assert!(is_marked, "{at}:{}: the text before this block does not say {MARK:?}", block.line);
    }
    for (page, test) in RUN_ELSEWHERE {
        let source = fs::read_to_string(root().join(test)).expect("the test");
        assert!(source.contains(page), "{test} does not run {page}");
    }
    for (page, blocks) in &pages {
        for block in blocks.iter().filter(|block| block.says_so()) {
            assert!(block.reason_not_to_run(page).is_some(), "{page}:{}: marked, and in no table", block.line);
        }
    }
}

pub async fn the_blocks_of_each_page_run_as_they_stand_there() {
    let here = |(page, _): &(String, Vec<Block>)| RUN_ELSEWHERE.iter().all(|(elsewhere, _)| page != elsewhere);
    for (page, blocks) in pages().into_iter().filter(here) {
        let mut blocks: Vec<Block> =
            blocks.into_iter().filter(|block| block.reason_not_to_run(&page).is_none()).collect();
        if !blocks.is_empty() {
            let place = Place::new(&page);
            let server = match blocks.iter().position(Block::is_server) {
                Some(at) => blocks.remove(at).text,
                // Pages of commands for a server that runs already.
                None => "keyward demo\n".to_owned(),
            };
            assert!(!blocks.iter().any(Block::is_server), "{page}: two servers");
            let demo = Demo::start(&place, &server).await;
            place.run(&page, &blocks, &demo).await;
        }
    }
}

/// Where the blocks of a page run.
struct Place {
    folder: TempDir,
    port: u16,
}

impl Place {
    fn new(page: &str) -> Self {
        let folder = TempDir::new_in(environment::directory()).expect("a directory");
        for entry in fs::read_dir(root()).expect("the repository") {
            let name = entry.expect("an entry").file_name();
            if !["target", "data", ".git"].iter().any(|own| name == *own) {
                symlink(root().join(&name), folder.path().join(&name)).expect("a link");
            }
        }
        let tools = folder.path().join("tools");
        fs::create_dir(&tools).expect("a directory");
        symlink(env!("CARGO_BIN_EXE_keyward"), tools.join("keyward")).expect("a link");
        let cargo = "#!/bin/sh\n# cargo run [-q] -- X is keyward X; all else is built.\n[ \"$1\" = run ] || exit 0\n\
                     while [ \"$1\" != -- ]; do shift; done\nshift\nexec keyward \"$@\"\n";
        fs::write(tools.join("cargo"), cargo).expect("written");
        fs::set_permissions(tools.join("cargo"), fs::Permissions::from_mode(0o755)).expect("a mode");
        if let Some(toml) = toml_of(page) {
            fs::write(folder.path().join("keyward.toml"), toml).expect("written");
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        Self { folder, port }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Bash in this place, with the script on its command line.
    fn bash(&self, script: &str) -> Command {
        let mut bash = Command::new("bash");
        process::take_environment(&mut bash, &process::command(&[]));
        let path = std::env::var("PATH").unwrap_or_default();
        bash.args(["-c", script])
            .current_dir(self.path())
            .env("PATH", format!("{}:{path}", self.path().join("tools").display()))
            .env("HOME", self.path())
            .env("KEYWARD__SERVER__LISTEN", format!("\"127.0.0.1:{}\"", self.port))
            .env("KEYWARD_URL", format!("http://127.0.0.1:{}/v1", self.port));
        bash
    }

    /// Runs the blocks in one shell. Each must succeed, and print no error of the API.
    async fn run(&self, page: &str, blocks: &[Block], demo: &Demo) {
        let mut script = String::from("set -eu -o pipefail\n");
        for block in blocks {
            script += &format!("echo '@@ {}'\n{}", block.line, self.fill_in(&block.text, demo));
        }
        let mut bash = self.bash(&script);
        let (input, output) = (self.path().join("input.txt"), self.path().join("output.txt"));
        fs::write(&input, format!("{}\n", demo.key)).expect("written");
        bash.stdin(File::open(&input).expect("a file"))
            .stdout(File::create(&output).expect("a file"))
            .stderr(File::options().append(true).open(&output).expect("a file"));
        let status = tokio::task::spawn_blocking(move || bash.status()).await.expect("no panic").expect("bash runs");
        let said = fs::read_to_string(&output).expect("text");
        assert!(status.success(), "{page}: the block at the last line after @@ failed: {status}\n{said}");
        let is_wrong = |line: &str| line == "null" || line.contains("\"error\"") || line.starts_with("error:");
        assert!(!said.lines().any(is_wrong), "{page}: an error in the output:\n{said}");
        assert_eq!(said.matches("@@ ").count(), blocks.len(), "{page}: {said}");
    }

    /// Puts in what the reader puts in.
    fn fill_in(&self, text: &str, demo: &Demo) -> String {
        text.replace("sk_live_…", &demo.key)
            .replace("org_…", &demo.organization)
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.port))
            .replace("https://api.example.com", &format!("http://127.0.0.1:{}", self.port))
            .replace("ada@example.com", "demo@example.com")
    }
}

/// The TOML blocks of a page, which it says to put into `keyward.toml`.
fn toml_of(page: &str) -> Option<String> {
    let text = super::read(Path::new(page));
    if !text.contains("Put this into `keyward.toml`") {
        return None;
    }
    let (_, rest) = text.split_once("```toml\n")?;
    Some(rest.split_once("```")?.0.to_owned())
}

/// The server of a page. Dropping it stops it.
struct Demo {
    child: Child,
    key: String,
    organization: String,
}

impl Demo {
    async fn start(place: &Place, block: &str) -> Self {
        let said = place.path().join("demo.txt");
        let mut bash = place.bash(block);
        bash.process_group(0)
            .stdin(Stdio::null())
            .stdout(File::create(&said).expect("a file"))
            .stderr(File::options().append(true).open(&said).expect("a file"));
        let child = bash.spawn().expect("bash starts");
        let mut demo = Self { child, key: String::new(), organization: String::new() };
        let text = || fs::read_to_string(&said).unwrap_or_default();
        until(&format!("the demo of {block:?} starts"), async || text().contains("Try it:")).await;
        let text = text();
        demo.key = text.split_whitespace().find(|word| word.starts_with("sk_live_")).expect("a key").to_owned();
        let whoami = format!("http://127.0.0.1:{}/v1/whoami", place.port);
        let whoami = reqwest::Client::new().get(whoami).bearer_auth(&demo.key).send().await.expect("an answer");
        let whoami: serde_json::Value = whoami.json().await.expect("JSON");
        demo.organization = whoami["organizationId"].as_str().expect("an organization").to_owned();
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The whole group: killing the shell would leave the server behind.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}
