//! SIGTERM while requests are under way.

use super::figures::{Figures, milliseconds};
use super::writers::{Found, Work, Writer, tally_of};
use super::{LOG, WITHOUT_LIMITS};
use crate::cluster::ledger::{Access, Probe, Verdict};
use crate::cluster::load::{Board, Load};
use crate::support::database::TestDatabase;
use crate::support::process::Keyward;
use crate::support::{Backend, Tenant, tests};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

tests![a_stop_under_load_answers_what_it_has_taken_and_takes_no_more];

/// How long the request in flight is held back after the signal.
const HELD_BACK: Duration = Duration::from_millis(500);

async fn a_stop_under_load_answers_what_it_has_taken_and_takes_no_more(db: Backend) {
    let database = tokio::task::spawn_blocking(move || TestDatabase::create(db)).await.expect("no panic");
    let database = Arc::new(database);
    let mut server = Keyward::serve_logging(database.clone(), WITHOUT_LIMITS, LOG).await;
    let tenant = Tenant::new(&server).await;
    let mut writers = Writer::several(3, &server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let key_id = key.id.clone();
    // Clients whose connections stay open, and which never stop to ask.
    let (board, probe) = (Arc::<Board>::default(), Probe::new(key.plaintext, Access::Writes));
    board.add(&probe);
    let mut load = Load::start(&[server.address()], 4, &board);

    let body = r#"{"name":"In flight"}"#;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        tenant.workspace_path("/api-keys"),
        tenant.owner.id_token,
        body.len()
    );
    let address = server.address();
    let work = Work::default();
    let stopping = async {
        work.more(15).await;
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        stream.write_all(format!("{head}{}", &body[..8]).as_bytes()).expect("sent");
        // It is under way once the server asks for the rest.
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).expect("an answer");
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        server.signal("TERM");
        let signalled = Instant::now();
        while TcpStream::connect(address).is_ok() {
            assert!(signalled.elapsed() < Duration::from_secs(10), "the server still takes connections");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let closed = signalled.elapsed();
        tokio::time::sleep(HELD_BACK.saturating_sub(closed)).await;
        stream.write_all(&body.as_bytes()[8..]).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        work.end();
        (signalled, closed)
    };
    let (_, (signalled, closed)) = tokio::join!(Writer::run_all(&mut writers, &server, &work), stopping);
    drop(tenant);
    let status = server.wait();
    let stopped = signalled.elapsed();
    load.stop();
    assert!(status.success(), "{status}");
    // The default of `server.shutdown_timeout` is 30 s, which clients that keep asking must not use up.
    assert!(stopped < HELD_BACK + Duration::from_secs(10), "it took {stopped:?} to stop");

    let mut verdict = Verdict::default();
    probe.evaluate(&mut verdict);
    assert!(verdict.refused.is_empty() && verdict.requests > 20, "{:?}", verdict.refused.first());
    let tally = tally_of(&writers);
    tally.assert_nothing_wrong();
    let mut found = Found::default();
    writers.iter().for_each(|writer| writer.check(&database, &mut found));
    assert_eq!(found.unannounced, 0, "done, but not answered");
    assert!(found.creations > 5);
    let in_flight = database.texts("SELECT name AS text FROM api_keys WHERE name = 'In flight'");
    assert_eq!(in_flight.len(), 1);
    let used = format!("SELECT 'used' AS text FROM api_keys WHERE id = '{key_id}' AND last_used_at IS NOT NULL");
    assert_eq!(database.texts(&used).len(), 1, "the last uses were not written");
    let mut figures = Figures::of("SIGTERM", db);
    figures
        .add("new connections refused after", milliseconds(closed))
        .add("the request in flight, held back for 500 ms", "201")
        .add("done without an answer", found.unannounced)
        .add("acknowledged, and there afterwards", found.creations + found.revocations)
        .add("stopped after, with clients that keep asking", milliseconds(stopped))
        .add("exit code", status.code().unwrap_or(-1));
    figures.publish();
}
