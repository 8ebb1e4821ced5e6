//! `keyward service-token`

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::ServiceTokenId;
use crate::base::input::validation::{Name, name};
use crate::base::time::Clock;
use crate::domain::changes::ScopedStore;
use crate::domain::service_tokens::ServiceToken;
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum ServiceTokenCommand {
    /// Make a token for a gateway or another service. It is printed this once.
    Create {
        /// What to call it.
        #[arg(long, value_parser = name)]
        name: Name,
    },
    /// List the tokens, newest first: id, state, preview, last use, name.
    List,
    /// Stop a token at once and for good.
    Revoke {
        /// Its id, as `list` shows it.
        id: ServiceTokenId,
    },
}

pub fn run(config: &Config, db: &ScopedDb, command: &ServiceTokenCommand) -> Result<(), String> {
    let clock = Clock::system();
    let (now, store) = (clock.now(), ScopedStore::for_command(config, db.clone(), &clock)?);
    match command {
        ServiceTokenCommand::Create { name } => {
            let name = name.clone().into_string();
            let made = db.write_blocking(|conn| ServiceToken::create(conn, &name, now));
            let (id, token) = made.map_err(|error| error.to_string())?;
            println!("{id}\n{}", token.expose());
        }
        ServiceTokenCommand::List => {
            for token in db.write_blocking(ServiceToken::all).map_err(|error| error.to_string())? {
                let state = if token.revoked_at.is_some() { "revoked" } else { "active" };
                let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |used| used.to_string());
                println!("{}\t{state}\t{}\t{used}\t{}", token.id, token.preview, token.name);
            }
        }
        ServiceTokenCommand::Revoke { id } => {
            let revoked =
                store.change_access_blocking(|conn, access_change| ServiceToken::revoke(conn, access_change, *id, now));
            revoked.map_err(|error: ApiError| match error.code {
                Code::NotFound => format!("there is no service token {id}"),
                _ => error.to_string(),
            })?;
            println!("{id} is revoked");
        }
    }
    Ok(())
}
