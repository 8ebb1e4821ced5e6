//! The floors of `src/`: a room uses its own floor and those below, and no two rooms use each other in a circle.
//!
//! A floor is a folder of `src/`; a room is a file or folder on it. The names that the code writes decide (`crate::…`,
//! `super::…`, through the re-exports of a floor's `mod.rs`), not types. Unit tests and comments are left out.

mod source;

use crate::support::tests_once;
use source::{Arrows, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// From the ground up. The client uses the base only, so it stands right above it.
const FLOORS: [&str; 7] = ["base", "client", "infra", "domain", "api", "server", "cli"];

tests_once![
    no_room_uses_a_floor_above_it,
    no_rooms_use_each_other_in_a_circle,
    endpoints_use_no_other_endpoints,
    every_file_says_what_it_is,
    deciding_headers_and_the_clients_address_are_read_in_one_place,
    only_these_files_send_statements_as_text,
    a_planted_arrow_up_and_a_planted_circle_are_found,
];

async fn no_room_uses_a_floor_above_it() {
    let up = arrows_up(&Source::of_repository().arrows());
    assert!(up.is_empty(), "{} arrows lead up:\n{}", up.len(), up.join("\n"));
}

async fn no_rooms_use_each_other_in_a_circle() {
    let circles = circles(&Source::of_repository().arrows());
    assert!(circles.is_empty(), "rooms use each other in a circle:\n{}", circles.join("\n"));
}

/// Endpoints share state, callers, extractors and idempotency; nothing else of the floor.
async fn endpoints_use_no_other_endpoints() {
    const SHARED: [&str; 8] =
        ["list", "hot_json", "state", "caller", "authentication", "extractors", "idempotency", "errors"];
    let is_endpoint = |room: &str| room.strip_prefix("api/").is_some_and(|name| !SHARED.contains(&name));
    let arrows = Source::of_repository().arrows();
    let among: Vec<_> = arrows.iter().filter(|((from, to), _)| is_endpoint(from) && is_endpoint(to)).collect();
    assert!(among.is_empty(), "endpoints use each other: {among:?}");
}

async fn every_file_says_what_it_is() {
    let silent: Vec<PathBuf> = Source::of_repository()
        .files
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.iter().all(|path| path == Path::new("base/sql/schema.rs")), "no module doc: {silent:?}");
}

/// Files that read headers by name, and why none of those is a request's deciding one.
const READERS_OF_HEADERS: [(&str, &str); 12] = [
    ("infra/http/deciding_headers.rs", "it is that place"),
    ("infra/http/client_address.rs", "the hops of all lines are one list"),
    ("infra/http/body.rs", "all lines of Content-Encoding are one list"),
    ("server/unread_body.rs", "Transfer-Encoding is only known to be there"),
    ("infra/request/context.rs", "User-Agent is only recorded"),
    ("server/observe/request_record.rs", "X-Request-ID is only logged"),
    ("server/observe/traces.rs", "traceparent only names a trace"),
    ("server/error_responses.rs", "it is a response's"),
    ("server/security_headers.rs", "it is a response's"),
    ("server/swagger/file.rs", "they only choose the form of a public file"),
    ("infra/remote_keys/fetch.rs", "it is a response's"),
    ("client/refusal.rs", "it is a response's"),
];

/// Files that read the address of a connection; `server/listener.rs` only logs it.
const READERS_OF_PEERS: [&str; 2] = ["infra/http/client_address.rs", "server/listener.rs"];

async fn deciding_headers_and_the_clients_address_are_read_in_one_place() {
    let mut source = Source::of_repository();
    let names = |found: &[String], allowed: &[&str]| {
        let mut expected: Vec<&str> = allowed.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "read request headers by DecidingHeader, and addresses by client_address");
    };
    names(&source.files_that(reads_headers), &READERS_OF_HEADERS.map(|(file, _)| file));
    names(&source.files_that(reads_peers), &READERS_OF_PEERS);
    let clean = source.files_that(reads_headers).len();
    for (file, text) in [
        ("api/a.rs", "fn f(req: R) { req.headers().get(NAME) }"),
        ("api/b.rs", "fn f(req: R) { if x { req\n.headers()\n.get_all(NAME).next() } }"),
        ("api/c.rs", "fn f(headers: &H) { headers.contains_key(NAME) }"),
        ("api/d.rs", "#[cfg(test)] mod tests { fn f() { answer.headers().get(NAME) } }"),
    ] {
        source.files.push((PathBuf::from(file), text.to_owned()));
    }
    assert_eq!(source.files_that(reads_headers).len(), clean + 3, "planted readers are found");
}

/// Returns whether the words take a value from `headers` by its name.
fn reads_headers(words: &[String]) -> bool {
    const READS: [&str; 5] = ["get", "get_all", "get_mut", "contains_key", "remove"];
    (0..words.len()).filter(|at| words[*at] == "headers").any(|at| {
        let mut rest = words[at + 1..].iter().map(String::as_str).skip_while(|word| ["(", ")"].contains(word));
        rest.next() == Some(".") && rest.next().is_some_and(|word| READS.contains(&word))
    })
}

fn reads_peers(words: &[String]) -> bool {
    words.iter().any(|word| ["peer_addr", "connection_info", "realip_remote_addr"].contains(&word.as_str()))
}

/// Files that send statements as text, and why none of those opens a transaction or widens one that only reads.
const SENDERS_OF_TEXT: [(&str, &str); 7] = [
    ("infra/db/transaction.rs", "it is the place that opens transactions"),
    ("infra/db/connection.rs", "settings of a new connection"),
    ("infra/db/migrations.rs", "the lock of migrations"),
    ("infra/cluster/nodes.rs", "durability of the transaction that it is in"),
    ("infra/cluster/feed.rs", "a connection of its own, which listens"),
    ("domain/identity/signing/signing_keys.rs", "a lock on a table"),
    ("domain/collections/store.rs", "settings of searches, and indexes at the start"),
];

async fn only_these_files_send_statements_as_text() {
    let sends_text = |words: &[String]| words.iter().any(|word| word == "batch_execute");
    let mut source = Source::of_repository();
    let mut expected = SENDERS_OF_TEXT.map(|(file, _)| file);
    expected.sort_unstable();
    assert_eq!(source.files_that(sends_text), expected, "open transactions by a store only");
    source.files.push((PathBuf::from("domain/a.rs"), "fn f(conn: &mut Conn) { conn.batch_execute(TEXT) }".to_owned()));
    assert_eq!(source.files_that(sends_text).len(), expected.len() + 1, "a planted sender is found");
}

async fn a_planted_arrow_up_and_a_planted_circle_are_found() {
    let mut source = Source::of_repository();
    let plant = |file: &str, text: &str| (PathBuf::from(file), text.to_owned());
    source.files.push(plant("base/ids.rs", "use crate::{api::State, base::time};"));
    source.files.push(plant("domain/audit/planted.rs", "fn f() { super::super::identity::provider::go() }"));
    // Neither counts: a comment, a string and a unit test.
    let tests = "//! crate::server::app\n#[cfg(test)] mod tests { use crate::server::app; }";
    source.files.push(plant("base/network.rs", &format!("{tests} const TEXT: &str = \"crate::server::app\";")));
    let arrows = source.arrows();
    assert_eq!(arrows_up(&arrows), ["base/ids uses api/state: {\"State\"}"]);
    let circles = circles(&arrows).join("\n");
    assert!(circles.contains("domain/audit -> domain/identity") && !circles.contains("base/network"), "{circles}");
}

fn arrows_up(arrows: &Arrows) -> Vec<String> {
    let floor = |room: &str| FLOORS.iter().position(|floor| room.split('/').next() == Some(floor));
    let up = arrows.iter().filter(|((from, to), _)| floor(from) < floor(to));
    up.map(|((from, to), names)| format!("{from} uses {to}: {names:?}")).collect()
}

/// Takes away rooms that use nothing that is left, or that nothing uses that is left, until none goes.
fn circles(arrows: &Arrows) -> Vec<String> {
    let mut left: BTreeSet<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    loop {
        let inner = |(from, to): &&(String, String)| left.contains(from) && left.contains(to);
        let using: BTreeSet<&String> = arrows.keys().filter(inner).map(|(from, _)| from).collect();
        let used: BTreeSet<&String> = arrows.keys().filter(inner).map(|(_, to)| to).collect();
        let kept: BTreeSet<&String> = using.intersection(&used).copied().collect();
        if kept.len() == left.len() {
            break;
        }
        left = kept;
    }
    let within = arrows.iter().filter(|((from, to), _)| left.contains(from) && left.contains(to));
    within.map(|((from, to), names)| format!("  {from} -> {to}: {names:?}")).collect()
}
