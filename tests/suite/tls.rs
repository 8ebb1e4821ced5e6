//! TLS in the server: real handshakes, certificates that change while it runs, and files that can't be used.

use crate::support::process::{self, Keyward};
use crate::support::tls_files::{Files, issue};
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, log, tests, tests_once};
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

tests![requests_are_answered_over_tls, a_reload_shows_the_new_certificate_and_open_connections_go_on];

tests_once![
    a_reload_of_files_that_can_not_be_used_keeps_the_certificate,
    files_that_can_not_be_used_stop_the_start_and_are_named,
    a_key_that_others_can_read_is_not_used,
    answers_over_tls_tell_browsers_to_stay_with_it,
    a_hangup_without_tls_does_not_end_the_server,
];

/// A connection that stays open, to a server with one of these certificates.
struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    /// Those of the last answer, as lines in lower case.
    headers: Vec<String>,
}

impl Connection {
    fn open(address: SocketAddr, trusted: &[&CertifiedKey<KeyPair>]) -> Self {
        let mut roots = RootCertStore::empty();
        trusted.iter().for_each(|pair| roots.add(pair.cert.der().clone()).expect("a certificate"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = "localhost".try_into().expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        Self { stream: BufReader::new(StreamOwned::new(client, stream)), headers: Vec::new() }
    }

    /// The status and the body of a GET.
    fn get(&mut self, path: &str, token: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let (mut status, mut length) = (0, 0);
        self.headers.clear();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("a length");
            } else if line.is_empty() {
                break;
            }
            self.headers.push(line);
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        (status, String::from_utf8(body).expect("text"))
    }

    fn certificate(&self) -> CertificateDer<'static> {
        let chain = self.stream.get_ref().conn.peer_certificates().expect("a handshake");
        chain[0].clone().into_owned()
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.stream.get_ref().conn.alpn_protocol().map(<[u8]>::to_vec)
    }
}

/// The certificate that a new connection gets.
fn shown(address: SocketAddr, trusted: &[&CertifiedKey<KeyPair>]) -> CertificateDer<'static> {
    let mut connection = Connection::open(address, trusted);
    assert_eq!(connection.get("/healthz", "").0, 200);
    connection.certificate()
}

async fn requests_are_answered_over_tls(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let pair = issue();
    let files = Files::new(&pair);
    let node = Keyward::serve(server.database.clone(), &files.configuration()).await;
    let mut connection = Connection::open(node.address(), &[&pair]);
    let (status, body) = connection.get("/v1/whoami", &key.plaintext);
    assert!(status == 200 && body.contains(&tenant.workspace_id), "{status} {body}");
    // HTTP/2 was offered, and is not spoken.
    assert_eq!(connection.protocol().as_deref(), Some(b"http/1.1".as_slice()));
    // Whatever name the certificate is for, the machine itself may ask.
    let mut healthcheck = process::command(&["healthcheck"]);
    healthcheck
        .env("KEYWARD__SERVER__LISTEN", node.address().to_string())
        .env("KEYWARD__SERVER__TLS", format!("{{ certificate = {0:?}, key = {0:?} }}", files.certificate()));
    assert!(process::output(healthcheck).await.status.success());
    // Who does not speak TLS gets nothing.
    assert!(node.get("/healthz").try_send().await.is_err());
}

async fn a_reload_shows_the_new_certificate_and_open_connections_go_on(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let (old, new) = (issue(), issue());
    let files = Files::new(&old);
    let node = Keyward::serve(server.database.clone(), &files.configuration()).await;
    let mut open = Connection::open(node.address(), &[&old]);
    assert_eq!(open.get("/v1/whoami", &key.plaintext).0, 200);
    files.write(&new);
    // Not before it is told to.
    assert_eq!(shown(node.address(), &[&old, &new]), *old.cert.der());
    node.signal("HUP");
    until("the new certificate is shown", async || shown(node.address(), &[&old, &new]) == *new.cert.der()).await;
    assert_eq!(open.get("/v1/whoami", &key.plaintext).0, 200);
    assert_eq!(open.certificate(), *old.cert.der());
}

async fn a_reload_of_files_that_can_not_be_used_keeps_the_certificate() {
    let server = Server::start(Backend::Sqlite).await;
    let (old, other, new) = (issue(), issue(), issue());
    let files = Files::new(&old);
    let node = Keyward::serve(server.database.clone(), &files.configuration()).await;
    // A key that does not fit; no certificate; no file.
    let breakages: [(&str, &dyn Fn()); 3] = [
        ("is not the key of", &|| fs::write(files.key(), other.signing_key.serialize_pem()).expect("written")),
        ("has no certificate in PEM", &|| fs::write(files.certificate(), "garbage").expect("written")),
        ("No such file", &|| fs::remove_file(files.certificate()).expect("removed")),
    ];
    let path = files.certificate().display().to_string();
    for (reason, damage) in breakages {
        damage();
        node.signal("HUP");
        let told = async || log::events_of(&path).iter().any(|event| event.to_string().contains(reason));
        until(reason, told).await;
        assert_eq!(shown(node.address(), &[&old, &other, &new]), *old.cert.der());
    }
    files.write(&new);
    node.signal("HUP");
    until("the mended one is shown", async || shown(node.address(), &[&old, &new]) == *new.cert.der()).await;
}

async fn files_that_can_not_be_used_stop_the_start_and_are_named() {
    let server = Server::start(Backend::Sqlite).await;
    let (pair, other) = (issue(), issue());
    let key = pair.signing_key.serialize_pem();
    let rows: [(Option<&str>, Option<&str>, &str, &str); 6] = [
        (None, Some(&key), "server.tls.certificate", "No such file"),
        (Some(&other.cert.pem()), None, "server.tls.key", "No such file"),
        (Some(""), Some(&key), "server.tls.certificate", "no certificate in PEM"),
        (Some(&key), Some(&key), "server.tls.certificate", "no certificate in PEM"),
        (Some(&pair.cert.pem()), Some(&pair.cert.pem()), "server.tls.key", "no private key in PEM"),
        (Some(&other.cert.pem()), Some(&key), "server.tls.key", "is not the key of the first certificate in"),
    ];
    for (certificate, key, setting, reason) in rows {
        let files = Files::new(&pair);
        for (path, text) in [(files.certificate(), certificate), (files.key(), key)] {
            match text {
                Some(text) => fs::write(path, text).expect("written"),
                None => fs::remove_file(path).expect("removed"),
            }
        }
        let configuration = files.directory().join("keyward.toml");
        fs::write(&configuration, files.configuration()).expect("written");
        let configuration = configuration.to_str().expect("a path");
        let said =
            process::fail(&server.database, &["serve", "--listen", "127.0.0.1:0", "--config", configuration]).await;
        let file = if setting.ends_with("key") { files.key() } else { files.certificate() };
        for word in [setting, reason, file.to_str().expect("a path")] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}

async fn a_key_that_others_can_read_is_not_used() {
    let server = Server::start(Backend::Sqlite).await;
    let (old, new) = (issue(), issue());
    let files = Files::new(&old);
    let configuration = files.directory().join("keyward.toml");
    fs::write(&configuration, files.configuration()).expect("written");
    let configuration = configuration.to_str().expect("a path");
    for mode in [0o640, 0o604, 0o660] {
        files.let_read_key(mode);
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", configuration];
        let said = process::fail(&server.database, &arguments).await;
        assert!(said.contains("server.tls.key") && said.contains("chmod 600"), "{said}");
    }
    files.let_read_key(0o400);
    let node = Keyward::serve(server.database.clone(), &files.configuration()).await;
    files.let_read_key(0o600);
    files.write(&new);
    files.let_read_key(0o644);
    node.signal("HUP");
    let path = files.key().display().to_string();
    let told = async || log::events_of(&path).iter().any(|event| event.to_string().contains("chmod 600"));
    until("the reload is refused", told).await;
    assert_eq!(shown(node.address(), &[&old, &new]), *old.cert.der());
}

async fn answers_over_tls_tell_browsers_to_stay_with_it() {
    let server = Server::start(Backend::Sqlite).await;
    let pair = issue();
    let files = Files::new(&pair);
    let plain = Keyward::serve(server.database.clone(), "").await;
    assert_eq!(plain.get("/healthz").send().await.header("strict-transport-security"), None);
    let one_year = "strict-transport-security: max-age=31536000; includesubdomains";
    let rows = [
        ("", Some(one_year)),
        ("hsts = \"max-age=60\"\n", Some("strict-transport-security: max-age=60")),
        ("hsts = \"\"\n", None),
    ];
    for (setting, expected) in rows {
        let node = Keyward::serve(server.database.clone(), &format!("{}{setting}", files.configuration())).await;
        for path in ["/healthz", "/v1/me", "/nothing", "/docs/", "/v1/whoami"] {
            let mut connection = Connection::open(node.address(), &[&pair]);
            connection.get(path, "no-token");
            let found = connection.headers.iter().find(|line| line.starts_with("strict-transport-security"));
            assert_eq!(found.map(String::as_str), expected, "{path}");
        }
    }
    let configuration = files.directory().join("keyward.toml");
    fs::write(&configuration, format!("{}hsts = \"yes\"\n", files.configuration())).expect("written");
    let arguments = ["config", "check", "--config", configuration.to_str().expect("a path")];
    assert!(process::fail(&server.database, &arguments).await.contains("server.tls.hsts"));
}

async fn a_hangup_without_tls_does_not_end_the_server() {
    let server = Server::start(Backend::Sqlite).await;
    let node = Keyward::serve(server.database.clone(), "").await;
    node.signal("HUP");
    node.get("/healthz").send().await.expect(200);
    // Signals of one kind are told apart by their order only: one more, and it still lives.
    node.signal("HUP");
    node.get("/readyz").send().await.expect(200);
}
