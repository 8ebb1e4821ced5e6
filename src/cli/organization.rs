//! `keyward organization`

use crate::domain::tenancy::Organization;
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum OrganizationCommand {
    /// List the organizations, newest first: id, status, plan, name.
    List,
}

pub fn run(db: &ScopedDb, command: &OrganizationCommand) -> Result<(), String> {
    match command {
        OrganizationCommand::List => {
            let rows = db.write_blocking(Organization::all).map_err(|error| error.to_string())?;
            for (organization, subscription) in rows {
                let (status, plan) = (subscription.status, &subscription.plan);
                println!("{}\t{status}\t{plan}\t{}", organization.id, organization.name);
            }
            Ok(())
        }
    }
}
