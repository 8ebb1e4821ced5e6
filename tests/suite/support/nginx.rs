//! [`Nginx`]: a throwaway server of one test, with `deploy/nginx.conf` as it is but for its addresses.

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
    /// Starts one on a free port, between these two.
    pub async fn start(keyward: SocketAddr, api: SocketAddr) -> Self {
        tokio::task::spawn_blocking(move || {
            // Another process may take the port before nginx does.
            for _ in 0..10 {
                let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
                let port = free.local_addr().expect("it has an address").port();
                drop(free);
                let directory = TempDir::with_prefix("keyward-nginx-").expect("a directory");
                let mut nginx = Self { keeper: None, directory, port };
                if nginx.launch(keyward, api) {
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

    fn launch(&mut self, keyward: SocketAddr, api: SocketAddr) -> bool {
        let directory = self.directory.path();
        let ours = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx.conf"));
        let substitutes = [
            ("server 127.0.0.1:8080;", format!("server {keyward};")),
            ("server 127.0.0.1:3000;", format!("server {api};")),
            ("listen 8000;", format!("listen {};", self.address())),
        ];
        let ours = substitutes.iter().fold(ours.expect("deploy/nginx.conf"), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from} in deploy/nginx.conf");
            text.replace(from, to)
        });
        // One process, which so needs no rights but the test's.
        let around = "daemon off; master_process off; pid nginx.pid; error_log error.log; events {} http { access_log off; \
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; \
            scgi_temp_path scgi; include keyward.conf; }";
        std::fs::write(directory.join("keyward.conf"), ours).expect("a file");
        std::fs::write(directory.join("nginx.conf"), around).expect("a file");
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
            assert!(log.contains("bind()") || !log.contains("[emerg]"), "deploy/nginx.conf: {log}");
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
