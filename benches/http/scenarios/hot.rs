//! The same few requests again and again, against a bare handler that answers the same bytes.

use crate::client::{Connection, bearer, request};
use crate::database::{Database, Kind, Stage};
use crate::generate::{Generator, Population};
use crate::process::{SERVER_CORE, Server};
use crate::report::{Section, at_least, at_most};
use crate::serve::BareAnswer;
use crate::settings::Settings;
use crate::wrk::{Load, alternate};
use keyward::base::policy::ServicePermissions;
use keyward::base::time::Clock;
use keyward::domain::service_tokens::{NewServiceToken, ServiceToken};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A thousand keys, ten people in each workspace.
pub const SMALL: Population = Population { organizations: 100, members: 10, keys: 10 };

/// A route that is compared.
pub struct Route {
    pub load: Load,
    /// Made of the real server's answer; `Err` says why there is none.
    pub bare: Result<BareAnswer, String>,
}

/// A small database, the routes on it, and the real server.
pub struct Comparison<'s> {
    pub database: Database<'s>,
    pub routes: Vec<Route>,
}

impl<'s> Comparison<'s> {
    /// Asks the real server once for each route.
    pub fn prepare(stage: &'s Stage, kind: Kind) -> Self {
        let database = stage.database(kind);
        let mut conn = database.migrate();
        let keys = Generator::new(&mut conn).populate(SMALL);
        let new = NewServiceToken {
            name: "bench",
            permissions: ServicePermissions::VERIFY,
            organization: None,
            expires_at: None,
        };
        let (_, service) = ServiceToken::create(&mut conn, &new, Clock::system().now()).expect("a service token");
        let server = database.serve();
        let verify = Load {
            method: "POST",
            path: "/v1/keys/verify".to_owned(),
            headers: bearer(service.expose()),
            body: json!({ "key": keys[0] }).to_string(),
            keys: Vec::new(),
        };
        let loads = [
            Load::get("/v1/whoami", &keys[0]),
            Load::get("/v1/forward-auth", &keys[0]),
            verify,
            Load::get("/v1/members", &keys[0]),
        ];
        let routes = loads.map(|load| Route { bare: capture(&server, &load, &keys[0]), load });
        Self { database, routes: routes.into() }
    }

    /// The bare server for those routes that the real one has.
    pub fn answers(&self) -> PathBuf {
        let answers: Vec<&BareAnswer> = self.routes.iter().filter_map(|route| route.bare.as_ref().ok()).collect();
        let file = self.database.stage.file(".json");
        std::fs::write(&file, serde_json::to_vec(&answers).expect("JSON")).expect("the answers can be written");
        file
    }

    /// Its arguments.
    pub fn bare_arguments<'a>(&'a self, answers: &'a std::path::Path) -> [&'a str; 5] {
        ["bare", "--database", self.database.url(), "--answers", answers.to_str().expect("a plain path")]
    }
}

fn capture(server: &Server, load: &Load, key: &str) -> Result<BareAnswer, String> {
    // A connection each: after a refusal the server may close it.
    let ask = |load: &Load| {
        Connection::open(server.address()).send(&request(load.method, &load.path, &load.headers, &load.body))
    };
    // The second answer is that of a warm cache.
    ask(load);
    let answer = ask(load);
    if answer.status >= 300 {
        return Err(format!("not compared: it answers {}", answer.status));
    }
    let whoami: Value = serde_json::from_slice(&ask(&Load::get("/v1/whoami", key)).body).expect("whoami is JSON");
    let id = |name: &str| whoami[name].as_str().expect("an id").to_owned();
    // These the bare server makes itself, as the real one does.
    let own = |name: &str| ["date", "content-length", "connection"].contains(&name.to_ascii_lowercase().as_str());
    Ok(BareAnswer {
        method: load.method.to_owned(),
        path: load.path.clone(),
        status: answer.status,
        headers: answer.headers.into_iter().filter(|(name, _)| !own(name)).collect(),
        body: String::from_utf8(answer.body).expect("a body of text"),
        members_of: (load.path == "/v1/members").then(|| (id("organizationId"), id("workspaceId"))),
    })
}

/// Throughput and p99 of each route on both databases.
pub fn run(stage: &Stage, settings: &Settings) -> Vec<Section> {
    let settings = &Settings { rounds: settings.hot_rounds, ..settings.clone() };
    let about = format!(
        "Tracing, metrics, rate limits and last-used are on. The bare handler of `/v1/members` runs the same one SELECT on \
         the same pool. {} rounds.",
        settings.rounds
    );
    let mut section = Section::new(
        "Hot requests against bare actix",
        &about,
        &[
            "route",
            "database",
            "Keyward, requests/s",
            "bare, requests/s",
            "ratio",
            "Keyward, p99 ms",
            "bare, p99 ms",
            "ratio",
            "failed",
        ],
    );
    for kind in Kind::ALL {
        let comparison = Comparison::prepare(stage, kind);
        let answers = comparison.answers();
        let real = comparison.database.serve();
        let log = stage.file(".log");
        let bare = Server::of_this_build(SERVER_CORE, &comparison.bare_arguments(&answers), &log);
        for route in &comparison.routes {
            let name = format!("{} {}", route.load.method, route.load.path);
            // Without statements, the database makes no difference but in the background.
            if kind == Kind::Postgres && !["/v1/whoami", "/v1/members"].contains(&route.load.path.as_str()) {
                continue;
            }
            if let Err(reason) = &route.bare {
                section.note(&format!("`{name}`: {reason}."));
                continue;
            }
            eprintln!("  {name}, {}", kind.name());
            check_same(route, &real, &bare);
            let [ours, theirs] = alternate(settings, [(&route.load, real.address()), (&route.load, bare.address())]);
            section.row([
                name,
                kind.name().to_owned(),
                ours.requests_per_second.to_string(),
                theirs.requests_per_second.to_string(),
                at_least(ours.requests_per_second.ratio_to(&theirs.requests_per_second), 0.90),
                ours.p99.to_string(),
                theirs.p99.to_string(),
                at_most(ours.p99.ratio_to(&theirs.p99), 1.3),
                (ours.failed + theirs.failed).to_string(),
            ]);
        }
    }
    vec![section]
}

/// Both answer with as many bytes, and the same headers.
fn check_same(route: &Route, real: &Server, bare: &Server) {
    let load = &route.load;
    let ask = request(load.method, &load.path, &load.headers, &load.body);
    let [ours, theirs] = [real, bare].map(|server| Connection::open(server.address()).send(&ask));
    let names = |headers: &[(String, String)]| {
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    };
    assert_eq!((ours.status, names(&ours.headers)), (theirs.status, names(&theirs.headers)), "{}", load.path);
    let difference = ours.body.len().abs_diff(theirs.body.len());
    assert!(difference <= 16, "{}: bodies of {} and {} bytes", load.path, ours.body.len(), theirs.body.len());
}
