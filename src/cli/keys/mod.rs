//! `keyward keys`

mod revoke;

use crate::config::Config;
use crate::db::Db;
use clap::Subcommand;
use revoke::RevokeArgs;

/// What to do.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Revoke keys of a workspace for good: all that match everything that is said of them.
    Revoke(RevokeArgs),
}

/// Runs the command.
pub fn run(config: &Config, db: &Db, command: &KeysCommand) -> Result<(), String> {
    match command {
        KeysCommand::Revoke(args) => revoke::run(config, db, args),
    }
}
