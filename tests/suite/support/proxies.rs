//! [`Proxy`]: a throwaway Caddy or Traefik of one test, with the recipe of `docs/guides/gateways.md` as it is but for its
//! addresses.

use super::keeper::Keeper;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MISSING: &str = "Caddy and Traefik are not installed, and tests of gateways need them: make setup-gateways";

/// A program whose recipe the guide has.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Caddy,
    Traefik,
}

/// A running proxy. Dropping it ends it, before its files go.
pub struct Proxy {
    _keeper: Keeper,
    _directory: TempDir,
    address: SocketAddr,
}

fn program(kind: Kind) -> PathBuf {
    let name = match kind {
        Kind::Caddy => "caddy",
        Kind::Traefik => "traefik",
    };
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("gateways/venv/bin").join(name)
}

/// Says how to install them, if one is missing.
pub fn require() -> Result<(), String> {
    let is_there = [Kind::Caddy, Kind::Traefik].into_iter().all(|kind| program(kind).is_file());
    if is_there { Ok(()) } else { Err(MISSING.to_owned()) }
}

/// The first snippet of the guide's section about a proxy.
fn recipe(section: &str) -> String {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/gateways.md"));
    let guide = guide.expect("the guide");
    let (_, section) = guide.split_once(&format!("\n## {section}\n")).expect("a section");
    let (_, snippet) = section.split_once("\n```").expect("a snippet");
    let (_, snippet) = snippet.split_once('\n').expect("a language");
    snippet.split_once("\n```").expect("its end").0.to_owned()
}

fn replace(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

impl Proxy {
    /// Starts one on a free port, between these two. `change` makes the edits that the guide asks for.
    pub async fn start(kind: Kind, keyward: SocketAddr, api: SocketAddr, change: fn(String) -> String) -> Self {
        tokio::task::spawn_blocking(move || Self::launch(kind, keyward, api, change)).await.expect("it starts")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn launch(kind: Kind, keyward: SocketAddr, api: SocketAddr, change: fn(String) -> String) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it has an address");
        drop(free);
        let directory = TempDir::with_prefix("keyward-proxy-").expect("a directory");
        let path = |name: &str| directory.path().join(name).to_str().expect("a plain path").to_owned();
        let text = change(recipe(match kind {
            Kind::Caddy => "Caddy",
            Kind::Traefik => "Traefik",
        }));
        let text = replace(&text, "127.0.0.1:8080", &keyward.to_string());
        let text = replace(&text, "127.0.0.1:3000", &api.to_string());
        let program = program(kind).to_str().expect("a plain path").to_owned();
        let keeper = match kind {
            Kind::Caddy => {
                let around = "{\n\tadmin off\n\tpersist_config off\n\tdefault_bind 127.0.0.1\n}\n";
                let text = replace(&text, ":8000 {", &format!(":{} {{", address.port()));
                std::fs::write(path("Caddyfile"), format!("{around}{text}\n")).expect("a file");
                let homes = [format!("XDG_DATA_HOME={}", path("data")), format!("XDG_CONFIG_HOME={}", path("config"))];
                let file = path("Caddyfile");
                let arguments = [&*homes[0], &homes[1], &program, "run", "--adapter", "caddyfile", "--config", &file];
                Keeper::start("env", &arguments)
            }
            Kind::Traefik => {
                std::fs::write(path("routes.yml"), format!("{text}\n")).expect("a file");
                let entry = format!("--entryPoints.web.address={address}");
                let provider = format!("--providers.file.filename={}", path("routes.yml"));
                let quiet = ["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"];
                Keeper::start(&program, &[&entry, &provider, quiet[0], quiet[1]])
            }
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_ready(address) {
            assert!(Instant::now() < deadline, "{kind:?} does not start with its recipe");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { _keeper: keeper, _directory: directory, address }
    }
}

/// Whether it has its routes: a request without a key is then refused, and Traefik knows none before.
fn is_ready(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 401")
}
