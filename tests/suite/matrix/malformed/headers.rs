//! Malformed headers.

use super::super::callers::Caller;
use super::super::document::Document;
use super::super::failures::Failures;
use super::super::reply::Call;
use super::super::table::{self, Target};
use super::super::world::{self, World, best_caller, with_body};
use super::unless_refused;
use crate::support::dump::dump;
use crate::support::{Backend, tests};

tests![every_route_refuses_malformed_headers];

/// What a route gets instead of, or besides, its good credential.
fn cases(world: &World<'_>, documented: &[String], caller: Caller) -> Vec<(String, Vec<Header>, u16)> {
    let (good, is_person) = (world.credentials(caller), caller != Caller::BackendToken);
    let key = &world.credentials(Caller::AdminKeyInItsHeader)[0].1;
    let own: Vec<Header> = good.iter().map(|(name, value)| (*name, value.clone().into_bytes())).collect();
    let besides = |name: &'static str, value: &[u8]| [own.clone(), vec![(name, value.to_vec())]].concat();
    let alone = |name: &'static str, value: &[u8]| vec![(name, value.to_vec())];
    let mut cases = vec![
        ("two Authorization headers", [own.clone(), own.clone()].concat(), 400),
        ("an empty second Authorization header", besides("Authorization", b""), 400),
        ("Authorization and X-API-Key", besides("X-API-Key", key.as_bytes()), 400),
        (
            "two X-API-Key headers",
            [alone("X-API-Key", key.as_bytes()), alone("x-api-key", key.as_bytes())].concat(),
            400,
        ),
        ("a header of 100 kB", besides("X-Long", &[b'a'; 100_000]), 400),
        ("headers of 60 kB", (0..60).fold(own.clone(), |all, _| [all, alone("X-Long", &[b'a'; 1000])].concat()), 400),
        ("an Authorization that is no text", alone("Authorization", b"Bearer \xff\xfe\xfd"), 401),
        ("an X-API-Key that is no text", alone("X-API-Key", b"\xff\xfe\xfd"), 401),
        ("an empty Authorization", alone("Authorization", b""), 401),
        ("Bearer alone", alone("Authorization", b"Bearer"), 401),
        ("Bearer and nothing", alone("Authorization", b"Bearer "), 401),
        ("two tokens", alone("Authorization", b"Bearer one two"), 401),
        ("a list of tokens", alone("Authorization", b"Bearer one,Bearer two"), 401),
        ("an empty X-API-Key", alone("X-API-Key", b""), 401),
        ("a token of 20 kB", alone("Authorization", &[b"Bearer ".as_slice(), &[b'a'; 20_000]].concat()), 401),
        ("a key of 20 kB", alone("X-API-Key", &[b"sk_live_".as_slice(), &[b'a'; 20_000]].concat()), 401),
        ("a key with a tab", alone("X-API-Key", b"sk_live_\t"), 401),
        ("dots", alone("Authorization", b"Bearer .."), 401),
        ("a token that is no JSON", alone("Authorization", b"Bearer ////.////.////"), 401),
    ];
    for header in documented {
        match header.as_str() {
            "Idempotency-Key" => cases.extend([
                ("an empty Idempotency-Key", besides("Idempotency-Key", b""), 400),
                ("an Idempotency-Key of 256", besides("Idempotency-Key", &[b'k'; 256]), 400),
                ("an Idempotency-Key with a space", besides("Idempotency-Key", b"one two"), 400),
                ("an Idempotency-Key that is no text", besides("Idempotency-Key", b"k\xff"), 400),
                ("an Idempotency-Key beyond ASCII", besides("Idempotency-Key", "clé".as_bytes()), 400),
                (
                    "two Idempotency-Keys",
                    [besides("Idempotency-Key", b"one"), alone("Idempotency-Key", b"two")].concat(),
                    400,
                ),
            ]),
            "X-Workspace-Id" => {
                let as_program =
                    |value: &[u8]| [alone("X-API-Key", key.as_bytes()), alone("X-Workspace-Id", value)].concat();
                cases.extend([
                    ("an empty X-Workspace-Id", as_program(b""), 403),
                    ("an X-Workspace-Id that is none", as_program(b"x"), 403),
                    ("an X-Workspace-Id that is no text", as_program(b"\xff"), 403),
                    ("another tenant's X-Workspace-Id", as_program(world.of_globex["workspaceId"].as_bytes()), 403),
                    ("two X-Workspace-Ids", [as_program(b"ws_one"), alone("X-Workspace-Id", b"ws_two")].concat(), 400),
                ]);
            }
            "If-Match" | "If-None-Match" => {
                let name = if header == "If-Match" { "If-Match" } else { "If-None-Match" };
                cases.extend([
                    ("an empty condition", besides(name, b""), 400),
                    ("a tag without quotes", besides(name, b"1"), 400),
                    ("half a tag", besides(name, b"\"1"), 400),
                    ("a tag and a comma", besides(name, b"\"1\","), 400),
                    ("a tag that is no text", besides(name, b"\"\xff\""), 400),
                    ("two conditions", [besides(name, b"\"1\""), alone(name, b"\"2\"")].concat(), 400),
                ]);
            }
            "Keyward-On-Behalf-Of" => {
                let member = &world.standing(Target::Standing)["heirsId"];
                cases.extend([
                    ("an empty Keyward-On-Behalf-Of", besides("Keyward-On-Behalf-Of", b""), 400),
                    ("a Keyward-On-Behalf-Of that is no id", besides("Keyward-On-Behalf-Of", b"ada"), 400),
                    ("a Keyward-On-Behalf-Of that is no text", besides("Keyward-On-Behalf-Of", b"\xff"), 400),
                    (
                        "two Keyward-On-Behalf-Ofs",
                        [
                            besides("Keyward-On-Behalf-Of", member.as_bytes()),
                            alone("keyward-on-behalf-of", member.as_bytes()),
                        ]
                        .concat(),
                        400,
                    ),
                ]);
                // A service may name a member; nobody else can.
                if is_person {
                    cases.push(("a member", besides("Keyward-On-Behalf-Of", member.as_bytes()), 403));
                }
            }
            "X-Forwarded-Method" => cases.push((
                "two X-Forwarded-Methods",
                [besides("X-Forwarded-Method", b"GET"), alone("X-Forwarded-Method", b"POST")].concat(),
                400,
            )),
            "X-Forwarded-Uri" => cases.push((
                "two X-Forwarded-Uris",
                [besides("X-Forwarded-Uri", b"/one"), alone("X-Forwarded-Uri", b"/two")].concat(),
                400,
            )),
            other => {
                panic!("no bad values for the header {other}: add some to tests/suite/matrix/malformed/headers.rs")
            }
        }
    }
    cases.into_iter().map(|(what, headers, status)| (what.to_owned(), headers, status)).collect()
}

type Header = (&'static str, Vec<u8>);

async fn every_route_refuses_malformed_headers(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    for operation in document.operations.iter().filter(|operation| !operation.is_public) {
        let row = table::usual(&operation.name);
        let targets = world.standing(row.target);
        let before = dump(&server.database);
        for (what, headers, status) in cases(&world, &operation.header_parameters, best_caller(row)) {
            let call = Call::new(&operation.method, &targets.fill(&operation.path));
            let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
            let reply = with_body(call, row, &targets).send(&server, format!("{} with {what}", operation.name)).await;
            failures.cell(unless_refused(&reply, operation, &[status]));
        }
        failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        failures.cell(world.unless_succeeds(row, operation).await);
    }
    failures.conclude(700);
}
