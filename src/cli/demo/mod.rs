//! `keyward demo`: a server with a demo tenant, for a first try.
//!
//! Everything is in `./data`: the database, the secret that seals the signing keys, and the demo user's password, the
//! last two readable by their owner only. Each configuration file has a database and a password of its own. The API key
//! is shown when it is made, and stored nowhere.

mod examples;
mod place;
mod tenant;

use crate::base::config::{Config, Sources, load};
use crate::cli::healthcheck::origin;
use crate::cli::serve::start;
use crate::domain::api_keys::PlaintextKey;
use crate::infra::process::private_file;
use crate::server::Application;
use clap::Args;
use place::Place;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

/// A demo needs no metrics, whose port another process may use. Its person tries out organizations with programs, and
/// reads its log: only warnings and mails.
const DEFAULTS: &str = "[log]\nformat = \"pretty\"\nfilter = \"warn,keyward::mail=info\"\n[metrics]\nlisten = \"\"\n\
    [subscription]\ntrials_per_person = 1000\n";

/// Where to listen, and whether to make a key.
#[derive(Args)]
pub struct DemoArgs {
    /// Address and port; port 0 takes a free one, which is shown.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Make another API key, and show it. The first start makes one in any case.
    #[arg(long)]
    new_key: bool,
}

/// Serves a demo tenant. It reads the configuration file, but ignores the file's database and `DATABASE_URL`, because a
/// demo is not for real data.
pub fn run(sources: Sources, args: &DemoArgs) -> Result<(), String> {
    let place = Place::of(sources.file.as_deref());
    let database_url = Some(format!("sqlite://{}", place.database));
    let listen = args.listen.clone();
    let config = configure(Sources { under_file: DEFAULTS.into(), listen, database_url, ..sources })?;
    start(config, async |application: &Application| {
        private_file::tighten(Path::new(&place.password_file))
            .map_err(|error| format!("{}: {error}", place.password_file))?;
        let (state, store) = (application.state(), application.store());
        let key = match tenant::seed(&state, &store, &place).await? {
            None if args.new_key => Some(tenant::new_key(&state, &store).await?),
            made => made,
        };
        examples::show(application, tenant::EMAIL).await?;
        welcome(application, &place, key.as_ref())
    })
}

/// Loads the configuration. Unless it has a `server.public_url`, links lead to the address that the demo listens on.
fn configure(sources: Sources) -> Result<Config, String> {
    let mut server = load(&sources)?.server;
    if server.listen.port() == 0
        && let Ok(address) = TcpListener::bind(server.listen).and_then(|free| free.local_addr())
    {
        // The links need the port before the server has it.
        server.listen = address;
    }
    let public_url = format!("{}[server]\npublic_url = \"{}\"\n", sources.under_file, origin(&server, server.listen));
    let listen = Some(server.listen.to_string());
    let mut config = load(&Sources { under_file: public_url.into(), listen, ..sources })?;
    // The demo sends no mail, so its user takes the links from the log.
    config.mail.log_mails = true;
    Ok(config)
}

/// Prints the first steps. This is the only place that prints secrets, and they are the demo's own.
fn welcome(application: &Application, place: &Place, key: Option<&PlaintextKey>) -> Result<(), String> {
    let state = application.state();
    let origin = origin(&state.config.server, application.address());
    let base = &state.config.server.base_path;
    println!("\nKeyward is running on {origin}\n");
    println!("  Swagger UI   {origin}/docs/");
    println!("  Sign in      {}", tenant::EMAIL);
    println!("  Password     {}", place.password());
    match key {
        Some(key) => println!("  API key      {}   (shown this once)", key.expose()),
        None => println!("  API key      was shown when it was made; `keyward demo --new-key` makes another one"),
    }
    println!("  Database     {}", place.database);
    if !place.is_usual() {
        println!("\nFor the operator's commands:  export DATABASE_URL=sqlite://{}", place.database);
    }
    if let Some(key) = key {
        println!("\nTry it:\n\n  curl -H 'Authorization: Bearer {}' {origin}{base}/whoami", key.expose());
    }
    println!();
    std::io::stdout().flush().map_err(|error| error.to_string())
}
