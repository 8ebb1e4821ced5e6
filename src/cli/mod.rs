//! The command line: one module for each command. Client commands are in [`crate::client`].
//!
//! Only `serve`, `demo` and `migrate` make a database and migrate it. The commands of [`operator`] get one that exists.

mod audit;
mod backup;
mod collection;
mod config;
mod demo;
mod healthcheck;
mod identity;
mod keys;
mod openapi;
mod operator;
mod organization;
mod role;
mod serve;
mod service_token;
mod subscription;
mod user;

use crate::base::config::{Config, Sources, load};
use crate::client;
use crate::client::ClientCommand;
use crate::infra::db;
use crate::infra::db::Migrated;
use clap::{CommandFactory, Parser, Subcommand};
use operator::OperatorCommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// The help heading of options that client commands ignore.
const SERVER_OPTIONS: &str = "Options of the server and its operator";

/// Organizations, workspaces, roles and API keys for a multi-tenant SaaS.
#[derive(Parser)]
#[command(name = "keyward", version, arg_required_else_help = true)]
struct Cli {
    /// The configuration file (TOML).
    #[arg(long, global = true, env = "KEYWARD_CONFIG", value_name = "FILE", help_heading = SERVER_OPTIONS)]
    config: Option<PathBuf>,
    /// The database: sqlite://PATH or postgres://…
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        help_heading = SERVER_OPTIONS
    )]
    database_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try Keyward: a server on this machine, with a demo tenant, over SQLite in ./data.
    Demo(demo::DemoArgs),
    /// Run the server.
    Serve(serve::ServeArgs),
    /// Run the database's migrations. `serve` does so too, unless told not to.
    Migrate,
    /// Ask the server on this machine whether it is alive.
    Healthcheck,
    /// Print the OpenAPI document.
    Openapi(openapi::OpenapiArgs),
    #[command(flatten)]
    Operator(OperatorCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(flatten)]
    Client(ClientCommand),
    /// Any other word is a collection's name.
    #[command(external_subcommand)]
    AnyCollection(Vec<String>),
}

/// The least similarity at which a word counts as a mistyped command, from 0 to 1.
const SIMILAR: f64 = 0.85;

impl Cli {
    fn sources(&self) -> Sources {
        Sources { file: self.config.clone(), database_url: self.database_url.clone(), ..Sources::default() }
    }

    fn load(&self) -> Result<Config, String> {
        load(&self.sources())
    }
}

/// Runs the command that the arguments name. Exit codes: 0 done, 1 failed, 2 the arguments are wrong; client commands
/// have more, which their help lists.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Client(command) => return client::run(command),
        Command::AnyCollection(words) => return client::collection(words, similar_command(words).as_deref()),
        Command::Demo(args) => demo::run(cli.sources(), args),
        Command::Serve(args) => serve::run(cli.sources(), args),
        Command::Migrate => migrate(&cli),
        Command::Healthcheck => cli.load().and_then(|config| healthcheck::run(&config)),
        Command::Openapi(args) => cli.load().and_then(|config| openapi::run(&config, args)),
        Command::Operator(command) => cli.load().and_then(|config| operator::run(&config, command)),
        Command::Config(command) => cli.load().and_then(|config| config::run(&config, command)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("keyward: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Returns all commands with their arguments.
pub fn commands() -> clap::Command {
    Cli::command()
}

/// Returns the command that a mistyped word may mean.
fn similar_command(words: &[String]) -> Option<String> {
    let word = words.first()?;
    let names: Vec<String> = commands().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let likeness = names.into_iter().map(|name| (strsim::jaro(&name, word), name));
    likeness.filter(|(score, _)| *score > SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn migrate(cli: &Cli) -> Result<(), String> {
    let url = cli.load()?.database.url;
    let Migrated { applied, notes } = db::migrate(&url)?;
    match applied.is_empty() {
        true => println!("{url} is up to date"),
        false => applied.iter().for_each(|name| println!("applied {name}")),
    }
    notes.iter().for_each(|note| eprintln!("keyward: {note}"));
    Ok(())
}
