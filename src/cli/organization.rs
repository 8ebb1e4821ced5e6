//! `keyward organization`

use crate::base::time::Clock;
use crate::domain::subscriptions::Choice;
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
            let now = Clock::system().now();
            let rows = db.write_blocking(Organization::all).map_err(|error| error.to_string())?;
            for (organization, subscription) in rows {
                let Choice { plan, term } = subscription.at(now);
                let status = term.at(now).status;
                println!("{}\t{status}\t{plan}\t{}", organization.id, organization.name);
            }
            Ok(())
        }
    }
}
