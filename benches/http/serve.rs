//! The role `serve`: the servers that are measured, of the same build.
//!
//! `serve real --database URL [--count] [--huge-pages] [--workers N] [--rate N] [--store URL]`: the application, as `keyward serve` starts it, with
//! `benches/server.toml`.
//! `serve bare --database URL --answers FILE`: actix, and handlers that answer with the bytes and headers of the file.
//! Both say `listening ADDRESS` on standard output, and log to standard error.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use diesel::connection::{InstrumentationEvent, set_default_instrumentation};
use keyward::base::config::{Config, Sources, load};
use keyward::base::paging::Position;
use keyward::base::policy::PermissionCatalog;
use keyward::base::time::Clock;
use keyward::domain::members::WorkspaceMember;
use keyward::infra::db::Db;
use keyward::infra::process::allocator;
use keyward::infra::telemetry;
use keyward::server::app;
use serde::{Deserialize, Serialize};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The real server's answer to one route, for the bare one to give.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BareAnswer {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The organization and the workspace whose members the handler reads first.
    pub members_of: Option<(String, String)>,
}

/// Runs until it is killed.
pub fn run(arguments: &[String]) {
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let sources = Sources {
        file: Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/server.toml"))),
        database_url: value("--database"),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Sources::default()
    };
    let mut config = load(&sources).unwrap_or_else(|error| panic!("{error}"));
    config.identity.master_secret = Some(["be".repeat(32).as_str()].into());
    match value("--answers") {
        Some(file) => bare(config, &std::fs::read_to_string(file).expect("the answers can be read")),
        None => {
            let has = |name: &str| arguments.iter().any(|argument| argument == name);
            if has("--count") {
                count_statements();
            }
            if !has("--huge-pages") {
                allocator::take_small_pages().expect("small pages, as keyward serve takes them");
            }
            if let Some(workers) = value("--workers") {
                config.server.workers = workers.parse().expect("a number of workers");
            }
            if let Some(rate) = value("--rate") {
                let rate: u32 = rate.parse().expect("requests a second");
                let plan = config.plans.get_mut("free").expect("the plan of new organizations");
                (plan.requests_per_minute, plan.burst) = (60 * rate, rate);
            }
            if let Some(store) = value("--store") {
                config.rate_limit.store = store.parse().expect("where limits are counted");
            }
            real(config);
        }
    }
}

fn real(config: Config) {
    telemetry::init(&config.log, None).unwrap_or_else(|error| panic!("{error}"));
    System::new().block_on(async {
        let application = app::build(config, Clock::system()).await.unwrap_or_else(|error| panic!("{error}"));
        println!("listening {}", application.address());
        application.run().await.expect("the server runs");
    });
}

/// Diesel tells of each statement of each connection, pings of the pool included. Answers on standard output whoever
/// asks on standard input.
fn count_statements() {
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    fn count() -> Option<Box<dyn diesel::connection::Instrumentation>> {
        Some(Box::new(|event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::StartQuery { .. }) {
                STATEMENTS.fetch_add(1, Ordering::Relaxed);
            }
        }))
    }
    set_default_instrumentation(count).expect("nobody else has set it");
    std::thread::spawn(|| {
        for _ in std::io::stdin().lock().lines() {
            println!("{}", STATEMENTS.load(Ordering::Relaxed));
        }
    });
}

fn bare(config: Config, answers: &str) {
    let answers: Vec<BareAnswer> = serde_json::from_str(answers).expect("answers in JSON");
    let db = Db::new(&config.database);
    let factory = move || answers.iter().fold(App::new(), |app, answer| app.route(&answer.path, route(answer, &db)));
    System::new().block_on(async {
        let server = HttpServer::new(factory).workers(config.server.workers).disable_signals();
        let server = server.bind(config.server.listen).expect("a free port");
        println!("listening {}", server.addrs()[0]);
        server.run().await.expect("the server runs");
    });
}

fn route(answer: &BareAnswer, db: &Db) -> actix_web::Route {
    let response = Prepared::new(answer);
    let method: Method = answer.method.parse().expect("a method");
    let reads_body = method == Method::POST;
    let route = web::method(method);
    if let Some((organization, workspace)) = &answer.members_of {
        let (organization, workspace) = (organization.parse().expect("an id"), workspace.parse().expect("an id"));
        let catalog = Arc::new(PermissionCatalog::compile([]).expect("Keyward's own permissions"));
        let db = db.clone();
        return route.to(move || {
            let (db, catalog, response) = (db.clone(), Arc::clone(&catalog), response.clone());
            async move {
                let page = Position { size: 20, after: None };
                let read = db
                    .for_organization(organization)
                    .read(move |conn| WorkspaceMember::page_of(conn, &catalog, organization, workspace, page));
                read.await.map(|_| response.answer()).map_err(actix_web::error::ErrorInternalServerError)
            }
        });
    }
    match reads_body {
        true => route.to(move |_body: web::Bytes| std::future::ready(response.answer())),
        false => route.to(move || std::future::ready(response.answer())),
    }
}

/// An answer whose parts are shared, not copied, with each request.
#[derive(Clone)]
struct Prepared {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: web::Bytes,
}

impl Prepared {
    fn new(answer: &BareAnswer) -> Self {
        let header = |(name, value): &(String, String)| {
            (name.parse().expect("a header's name"), value.parse().expect("a header's value"))
        };
        Self {
            status: StatusCode::from_u16(answer.status).expect("a status"),
            headers: answer.headers.iter().map(header).collect(),
            body: answer.body.clone().into(),
        }
    }

    fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in &self.headers {
            response.append_header(header.clone());
        }
        response.body(self.body.clone())
    }
}
