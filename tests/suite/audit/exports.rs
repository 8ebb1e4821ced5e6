//! A long export ends at its next page once its reader may not read the trail any more.

use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

tests![an_export_ends_when_its_reader_is_removed_or_demoted, an_export_that_does_not_look_again_goes_on,];

/// So many that they fill more than the buffers between server and client.
const EVENTS: i64 = 60_000;
/// The longest that the rest of an export may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A trail whose events no chain holds together: only their number matters here.
fn fill(tenant: &Tenant<'_>, server: &Server, db: Backend) {
    let id = &tenant.organization_id;
    let numbers = match db {
        Backend::Postgres => format!("SELECT n FROM generate_series(3, {EVENTS}) AS numbers (n)"),
        Backend::Sqlite => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM numbers WHERE n < {EVENTS}) \
             SELECT n FROM numbers"
        ),
    };
    let columns = "organization_id, sequence, id, actor_kind, action, target_kind, target_id, occurred_at, hash";
    server.database.execute(&format!(
        "INSERT INTO audit_events ({columns}) SELECT '{id}', n, 'evt_' || n, 'operator', 'workspace.created', \
         'workspace', 'ws_' || n, '2026-11-22T00:00:00.000000Z', '' FROM ({numbers}) AS all_numbers"
    ));
    server.database.execute(&format!("UPDATE audit_heads SET sequence = {EVENTS} WHERE organization_id = '{id}'"));
}

/// Begins an export, and returns when its first bytes are there. The client's own buffer is small.
async fn begin(server: &Server, path: &str, token: &str) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address()).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut first = vec![0; 4096];
    stream.read_exact(&mut first).await.expect("the beginning of an export");
    assert!(first.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&first));
    (stream, first)
}

/// Reads until the export or the connection ends. Returns how many events came, and whether the export says that it is
/// complete.
async fn finish((mut stream, mut bytes): (TcpStream, Vec<u8>)) -> (usize, bool) {
    const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
    let reading =
        async { while !bytes.ends_with(LAST_CHUNK) && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {} };
    tokio::time::timeout(LIMIT, reading).await.expect("the export ends");
    let events = bytes.windows(11).filter(|window| window == b"\"sequence\":").count();
    (events, bytes.ends_with(LAST_CHUNK))
}

async fn an_export_ends_when_its_reader_is_removed_or_demoted(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    fill(&acme, &server, db);
    let path = acme.organization_path("/audit-events/export");
    for is_removed in [true, false] {
        let reader = acme.add_member("admin", &[]).await;
        let export = begin(&server, &path, &reader.id_token).await;
        let member = acme.organization_path(&format!("/members/{}", reader.user_id));
        match is_removed {
            true => server.delete(&member).bearer(&acme.owner.id_token).send().await.expect(200),
            false => {
                let demote = server.patch(&member).bearer(&acme.owner.id_token);
                demote.json(json!({ "role": "member" })).send().await.expect(200)
            }
        };
        let (events, is_complete) = finish(export).await;
        assert!(!is_complete, "removed: {is_removed}; all {events} events were sent");
        assert!(events < usize::try_from(EVENTS).expect("a number") / 2, "removed: {is_removed}; {events} events");
    }
    // The trail can be read whole by who may.
    let (events, is_complete) = finish(begin(&server, &path, &acme.owner.id_token).await).await;
    assert!(is_complete && events >= usize::try_from(EVENTS).expect("a number"), "{events} events");
}

/// The test above notices an export that does not look again.
async fn an_export_that_does_not_look_again_goes_on(db: Backend) {
    let server = Server::with(db, |config| config.cluster.faults.no_confirmation = true).await;
    let acme = Tenant::new(&server).await;
    fill(&acme, &server, db);
    let reader = acme.add_member("admin", &[]).await;
    let export = begin(&server, &acme.organization_path("/audit-events/export"), &reader.id_token).await;
    let member = acme.organization_path(&format!("/members/{}", reader.user_id));
    server.delete(&member).bearer(&acme.owner.id_token).send().await.expect(200);
    let (events, is_complete) = finish(export).await;
    assert!(is_complete && events >= usize::try_from(EVENTS).expect("a number"), "{events} events");
}
