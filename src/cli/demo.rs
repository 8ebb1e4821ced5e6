//! `keyward demo`: a server with a demo tenant, for a first try.
//!
//! Everything is in `./data`: the database, the secret that seals the signing keys, and the demo user's password, the
//! last two readable by their owner only. The API key is shown at the first start and stored nowhere.

mod examples;

use crate::api::State;
use crate::base::config::{Sources, load};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::base::policy::Scope;
use crate::base::sql::Conn;
use crate::cli::serve::start;
use crate::domain::api_keys::{ApiKey, PlaintextKey, issue};
use crate::domain::changes::{AccessChange, Store};
use crate::domain::tenancy::Organization;
use crate::domain::tenancy::User;
use crate::domain::tenancy::Workspace;
use crate::infra::process::private_file;
use crate::server::Application;
use clap::Args;
use rand::RngExt;
use rand::distr::Alphanumeric;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A demo needs no metrics, whose port another process may use. Its person tries out organizations with programs.
const DEFAULTS: &str =
    "[log]\nformat = \"pretty\"\n[metrics]\nlisten = \"\"\n[subscription]\ntrials_per_person = 1000\n";
const DATABASE: &str = "sqlite://data/keyward.db";
const EMAIL: &str = "demo@example.com";
const PASSWORD_FILE: &str = "data/demo-password";

/// Where to listen.
#[derive(Args)]
pub struct DemoArgs {
    /// Address and port; port 0 takes a free one, and the log says which.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Serves a demo tenant. It reads the configuration file, but ignores the file's database and `DATABASE_URL`, because a
/// demo is not for real data.
pub fn run(sources: Sources, args: &DemoArgs) -> Result<(), String> {
    let database_url = Some(DATABASE.to_owned());
    let listen = args.listen.clone();
    let mut config = load(&Sources { under_file: DEFAULTS, listen, database_url, ..sources })?;
    // The demo sends no mail, so its user takes the links from the log.
    config.mail.log_mails = true;
    start(config, async |application: &Application| {
        private_file::tighten(Path::new(PASSWORD_FILE)).map_err(|error| format!("{PASSWORD_FILE}: {error}"))?;
        let made = seed(&application.state(), &application.store()).await?;
        examples::show(application, EMAIL).await?;
        welcome(application, made.as_ref())
    })
}

/// Makes the demo tenant, at the first start.
async fn seed(state: &State, store: &Store) -> Result<Option<PlaintextKey>, String> {
    let failed = |error: ApiError| format!("making the demo tenant failed: {error}");
    if state.identity.has_account(EMAIL).await.map_err(failed)? {
        return Ok(None);
    }
    let password: String = rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect();
    // Before the account: an account whose password is lost is worse than a password without an account.
    keep_password(&password).map_err(|error| format!("{PASSWORD_FILE}: {error}"))?;
    let profile = state.identity.create_account(EMAIL, &password.into(), true).await.map_err(failed)?;
    let (config, format, now) = (state.config.clone(), state.api_keys.format.clone(), state.clock.now());
    let tenant = move |conn: &mut Conn, access_change: &mut AccessChange| {
        let user = User::of_profile(conn, &profile, now)?;
        let organization = OrganizationId::new();
        Organization::create(conn, access_change, &config, organization, "Demo".into(), user.id, now)?;
        let id = WorkspaceId::new();
        let row = Workspace { id, organization_id: organization, name: "Demo".into(), created_at: now };
        let workspace = Workspace::insert(conn, access_change, row)?;
        let scope = config.keys.scopes.first().copied().unwrap_or(Scope::Full);
        let key = ApiKey::new(KeyId::new(), (organization, workspace.id), user.id, scope, now);
        let new = ApiKey { name: Some("Demo".into()), ..key };
        let plaintext = issue(conn, access_change, &config, &format, new, now)?;
        examples::make(conn, access_change, &config, &format, &workspace, (user.id, &profile), now)?;
        Ok(plaintext)
    };
    store.for_all_tenants().change_access(tenant).await.map(Some).map_err(failed)
}

fn keep_password(password: &str) -> std::io::Result<()> {
    private_file::claim(Path::new(PASSWORD_FILE))?;
    fs::write(PASSWORD_FILE, format!("{password}\n"))
}

/// Prints the first steps. This is the only place that prints secrets, and they are the demo's own.
fn welcome(application: &Application, key: Option<&PlaintextKey>) -> Result<(), String> {
    let state = application.state();
    let origin = format!("http://{}", application.address());
    let base = &state.config.server.base_path;
    let password = std::fs::read_to_string(Path::new(PASSWORD_FILE))
        .map_or_else(|_| format!("(was in {PASSWORD_FILE})"), |text| text.trim().to_owned());
    println!("\nKeyward is running on {origin}\n");
    println!("  Swagger UI   {origin}/docs/");
    println!("  Sign in      {EMAIL}");
    println!("  Password     {password}");
    match key {
        Some(key) => {
            let key = key.expose();
            println!("  API key      {key}   (shown this once)\n");
            println!("Try it:\n\n  curl -H 'Authorization: Bearer {key}' {origin}{base}/whoami\n");
        }
        None => println!("\nThe API key was shown at the first start. Make another one in the Swagger UI.\n"),
    }
    std::io::stdout().flush().map_err(|error| error.to_string())
}
