//! [`Nginx`]: a throwaway server of one test, with a configuration of `deploy/` as it is but for its addresses.

use super::keeper::Keeper;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MISSING: &str = "nginx is not installed, and tests of gateways need it.
  Debian, Ubuntu: apt-get install nginx
  macOS:          brew install nginx";

/// Debian keeps it off the PATH.
const PLACES: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// One process, which so needs no rights but the test's.
const PROCESS: &str = "daemon off; master_process off; pid nginx.pid; error_log error.log;";
const FILES: &str = "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; \
    scgi_temp_path scgi;";

/// Returns a file of `deploy/` with other addresses.
fn deployed(file: &str, addresses: &[(&str, String)]) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file));
    addresses.iter().fold(text.expect("a file of deploy/"), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from} in deploy/{file}");
        text.replace(from, to)
    })
}

/// A running server. Dropping it ends it, before its files go.
pub struct Nginx {
    keeper: Option<Keeper>,
    directory: TempDir,
    port: u16,
}

fn program() -> Option<&'static str> {
    let runs = |program: &&str| Command::new(program).arg("-v").stderr(Stdio::null()).status().is_ok();
    PLACES.into_iter().find(runs)
}

/// Says how to install it, if it is missing.
pub fn require() -> Result<(), String> {
    program().map(|_| ()).ok_or_else(|| MISSING.to_owned())
}

impl Nginx {
    /// Starts one on a free port, between these two, with `deploy/nginx.conf`.
    pub async fn start(keyward: SocketAddr, api: SocketAddr) -> Self {
        Self::with(move |listen| {
            let addresses = [
                ("server 127.0.0.1:8080;", format!("server {keyward};")),
                ("server 127.0.0.1:3000;", format!("server {api};")),
                ("listen 8000;", format!("listen {listen};")),
            ];
            let around = format!("{PROCESS} events {{}} http {{ access_log off; {FILES} include keyward.conf; }}");
            vec![("keyward.conf", deployed("nginx.conf", &addresses)), ("nginx.conf", around)]
        })
        .await
    }

    /// Starts one on a free port, in front of two nodes, with `deploy/compose.nginx.conf`.
    pub async fn before_nodes(nodes: [SocketAddr; 2]) -> Self {
        Self::with(move |listen| {
            let addresses = [
                ("server keyward-1:8080", format!("server {}", nodes[0])),
                ("server keyward-2:8080", format!("server {}", nodes[1])),
                ("listen 8080;", format!("listen {listen};")),
                ("pid /tmp/nginx.pid;", PROCESS.to_owned()),
                ("access_log off;", format!("access_log off; {FILES}")),
            ];
            vec![("nginx.conf", deployed("compose.nginx.conf", &addresses))]
        })
        .await
    }

    /// Starts one with the files that `files` makes for an address.
    async fn with(files: impl Fn(SocketAddr) -> Vec<(&'static str, String)> + Send + 'static) -> Self {
        tokio::task::spawn_blocking(move || {
            // Another process may take the port before nginx does.
            for _ in 0..10 {
                let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
                let port = free.local_addr().expect("it has an address").port();
                drop(free);
                let directory = TempDir::with_prefix("keyward-nginx-").expect("a directory");
                let mut nginx = Self { keeper: None, directory, port };
                if nginx.launch(&files(nginx.address())) {
                    return nginx;
                }
            }
            panic!("nginx does not start")
        })
        .await
        .expect("starting does not panic")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn launch(&mut self, files: &[(&str, String)]) -> bool {
        let directory = self.directory.path();
        for (name, text) in files {
            std::fs::write(directory.join(name), text).expect("a file");
        }
        let path = directory.to_str().expect("a plain path");
        let arguments = ["-p", path, "-c", "nginx.conf", "-e", "error.log"];
        self.keeper = Some(Keeper::start(program().expect("the suite has looked"), &arguments));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            // Written once it has the port.
            if std::fs::metadata(directory.join("nginx.pid")).is_ok_and(|file| file.len() > 0) {
                return true;
            }
            let log = std::fs::read_to_string(directory.join("error.log")).unwrap_or_default();
            assert!(log.contains("bind()") || !log.contains("[emerg]"), "nginx: {log}");
            if log.contains("still could not bind()") || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.keeper = None;
    }
}
