//! `keyward identity`

use crate::base::config::Config;
use crate::base::time::Clock;
use crate::domain::identity::{rotate_master_secret, rotate_signing_key};
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum IdentityCommand {
    /// Sign ID tokens with a new key from now on, on every node. The keys before it stay published until the tokens that
    /// they signed have expired.
    RotateKey,
    /// Seal the signing keys by a new master secret, while nodes run that have the new one and, behind it, the old one.
    RotateMasterSecret,
}

pub fn run(config: &Config, db: &ScopedDb, command: &IdentityCommand) -> Result<(), String> {
    match command {
        IdentityCommand::RotateKey => {
            let id = rotate_signing_key(config, db, &Clock::system())?;
            println!("done: {id} signs on every node within seconds");
            Ok(())
        }
        IdentityCommand::RotateMasterSecret => {
            let count = rotate_master_secret(config, db)?;
            println!("done: {count} signing keys were sealed again; take the former master secret away from all nodes");
            Ok(())
        }
    }
}
