//! `keyward collection`

use crate::base::error::{ApiError, Code};
use crate::domain::collections::{forget, kept};
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum CollectionCommand {
    /// List the collections that the database knows, with the number of documents of each.
    List,
    /// Delete all documents of a collection, of all tenants, for good.
    Delete {
        /// The collection's name.
        name: String,
        /// That all of them shall go.
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(db: &ScopedDb, command: &CollectionCommand) -> Result<(), String> {
    match command {
        CollectionCommand::List => {
            for (name, count) in db.read_blocking(kept).map_err(|error| error.to_string())? {
                println!("{name}\t{count}");
            }
        }
        CollectionCommand::Delete { name, yes: false } => {
            let all = db.read_blocking(kept).map_err(|error| error.to_string())?;
            let count = all.into_iter().find(|(known, _)| known == name).map(|(_, count)| count);
            let count = count.ok_or_else(|| format!("there is no collection {name}"))?;
            return Err(format!("this deletes {count} documents of {name} for good; say so with --yes"));
        }
        CollectionCommand::Delete { name, yes: true } => {
            let deleted = db.write_blocking(|conn| forget(conn, name));
            let deleted = deleted.map_err(|error: ApiError| match error.code {
                Code::NotFound => format!("there is no collection {name}"),
                _ => error.to_string(),
            })?;
            println!("deleted {deleted} documents of {name}");
        }
    }
    Ok(())
}
