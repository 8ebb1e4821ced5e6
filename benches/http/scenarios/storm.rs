//! Key traffic while many people sign in: Argon2 must not stand in its way.

use crate::api::{PASSWORD, Person};
use crate::client::{Connection, request};
use crate::database::{Kind, Stage};
use crate::generate::Generator;
use crate::measure::{Series, short};
use crate::process::{ANY_CORE, SERVER_CORE};
use crate::report::Section;
use crate::settings::Settings;
use crate::wrk::{Load, Rounds};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Those who sign in at once.
const STORM: usize = 32;
/// Those who call with keys; fewer than elsewhere, since this is about waiting.
const CALLERS: usize = 8;

/// Alternating: calm, storm, calm, storm.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let mut section = Section::new(
        "A storm of sign-ins",
        "`GET /v1/whoami` over 8 connections, alone and while 32 connections sign in to 32 accounts, every other time \
         with a wrong password; Argon2 at its defaults. On SQLite.",
        &["server", "requests/s alone", "in the storm", "p99 alone, ms", "in the storm, ms", "sign-ins/s"],
    );
    for (cores, name) in [(SERVER_CORE, "on one core"), (ANY_CORE, "on all cores")] {
        let database = stage.database(Kind::Sqlite);
        let keys = Generator::new(&mut database.migrate()).populate(super::hot::SMALL);
        let server = database.serve_on(cores, &[]);
        let address = server.address();
        let people: Vec<Person> =
            (0..STORM).map(|number| Person::sign_up(address, &format!("person-{number}@example.org"))).collect();
        let load = Load::get("/v1/whoami", &keys[0]);
        let (mut calm, mut storm, mut sign_ins) = (Rounds::default(), Rounds::default(), Series::default());
        for _ in 0..settings.rounds {
            calm.push(load.run(address, CALLERS, settings.round));
            let over = AtomicBool::new(false);
            let answered = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for person in &people {
                    scope.spawn(|| sign_in(address, person, &over, &answered));
                }
                storm.push(load.run(address, CALLERS, settings.round));
                over.store(true, Ordering::Relaxed);
            });
            sign_ins.push(answered.load(Ordering::Relaxed) as f64 / settings.round.as_secs_f64());
        }
        assert_eq!(calm.failed + storm.failed, 0, "key traffic failed");
        section.row([
            name.to_owned(),
            calm.requests_per_second.to_string(),
            storm.requests_per_second.to_string(),
            calm.p99.to_string(),
            format!("{}; {} times", storm.p99, short(storm.p99.median() / calm.p99.median())),
            sign_ins.to_string(),
        ]);
    }
    vec![section]
}

fn sign_in(address: SocketAddr, person: &Person, over: &AtomicBool, answered: &AtomicUsize) {
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=bench";
    let with = |password: &str| {
        let body = json!({ "email": person.email, "password": password, "returnSecureToken": true });
        request("POST", path, &[], &body.to_string())
    };
    let attempts = [(with(PASSWORD), 200), (with("wrong-horse-battery"), 400)];
    let mut connection = Connection::open(address);
    for (bytes, expected) in attempts.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let answer = connection.send(bytes);
        // A full queue of hashes answers 503, as it should.
        if answer.status != 503 {
            assert_eq!(answer.status, *expected, "{}", String::from_utf8_lossy(&answer.body));
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
