//! The command line as a client of a running Keyward: `configure`, `whoami`, `get`, and any collection by its name.
//!
//! It knows a URL, a key and a workspace ([`settings`]), and nothing of the server's configuration. It only reads, so a
//! retry is always safe. Scripts rely on these rules: the result goes to standard output, and all else to standard
//! error; a failure prints nothing on standard output, and its exit code gives its kind ([`failure`]).

mod configure;
mod connection;
mod failure;
mod file;
mod get;
mod layer;
mod plain_text;
mod readable;
mod refusal;
mod settings;
mod values;

use actix_web::rt::System;
use clap::Subcommand;
use configure::ConfigureArgs;
use connection::Connection;
use failure::Failure;
use get::GetArgs;
use settings::ConnectionArgs;
use std::process::ExitCode;

/// The commands of a client. A collection's own name is one too: see [`collection`].
#[derive(Subcommand)]
pub enum ClientCommand {
    /// Keep an API key and a workspace for the commands below, in a file that only you can read.
    Configure(ConfigureArgs),
    /// Show who is behind the API key, and what it may do now.
    #[command(after_help = failure::HELP)]
    Whoami(WhoamiArgs),
    /// Show a collection, or one thing of it. `keyward NAME` is short for `keyward get NAME`.
    #[command(after_help = failure::HELP)]
    Get(GetArgs),
}

/// As whom.
#[derive(clap::Args)]
pub struct WhoamiArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

pub fn run(command: &ClientCommand) -> ExitCode {
    ended(match command {
        ClientCommand::Configure(args) => configure::run(args),
        ClientCommand::Whoami(args) => whoami(args),
        ClientCommand::Get(args) => wait(get::run(args)),
    })
}

/// Runs `keyward WORD …` for a word that is no command, as a collection's name. `similar` is the command that may have
/// been meant.
pub fn collection(words: &[String], similar: Option<&str>) -> ExitCode {
    let name = words.first().map_or("", String::as_str);
    let similar = similar.map_or_else(String::new, |command| format!(" Did you mean `keyward {command}`?"));
    let args = match get::parse(words) {
        Ok(args) => args,
        Err(error) => {
            // A failure is ignored, because there is no other place to report it.
            let _ = error.print();
            if error.use_stderr() && !similar.is_empty() {
                eprintln!("keyward: there is no command {name:?}.{similar}");
            }
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    ended(wait(get::run(&args)).map_err(|failure| {
        failure.hinting_if_unknown(format!(
            "There is neither a command nor a collection named {name:?}.{similar} `keyward help` lists the commands."
        ))
    }))
}

fn whoami(args: &WhoamiArgs) -> Result<(), Failure> {
    let body = wait(async { Connection::new(&args.connection)?.get(&["whoami"], &[]).await })?;
    readable::print(&if args.connection.json { body } else { readable::record(&body)? })
}

fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    System::new().block_on(work)
}

fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("keyward: {failure}");
            failure.exit_code()
        }
    }
}
