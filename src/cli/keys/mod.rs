//! `keyward keys`

mod export;
mod import;
mod revoke;

use crate::base::config::Config;
use crate::infra::db::ScopedDb;
use clap::Subcommand;
use export::ExportArgs;
use import::ImportArgs;
use revoke::RevokeArgs;

/// What to do.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Import keys that were issued elsewhere: all rows of a file, or none. The same file again imports nothing new.
    Import(ImportArgs),
    /// Write keys as their SHA-256, for an import into another Keyward.
    Export(ExportArgs),
    /// Revoke keys of a workspace for good: all that match everything that is said of them.
    Revoke(RevokeArgs),
}

pub fn run(config: &Config, db: &ScopedDb, command: &KeysCommand) -> Result<(), String> {
    match command {
        KeysCommand::Import(args) => import::run(config, db, args),
        KeysCommand::Export(args) => export::run(db, args),
        KeysCommand::Revoke(args) => revoke::run(config, db, args),
    }
}
