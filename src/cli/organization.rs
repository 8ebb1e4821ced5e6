//! `keyward organization`

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::OrganizationId;
use crate::base::input::validation::{Name, name};
use crate::base::time::Clock;
use crate::domain::changes::ScopedStore;
use crate::domain::identity::user_named;
use crate::domain::subscriptions::Choice;
use crate::domain::tenancy::Organization;
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum OrganizationCommand {
    /// Make an organization. Its trial starts as if the owner had made it.
    Create {
        /// What to call it.
        #[arg(value_parser = name)]
        name: Name,
        /// Its owner: the e-mail address or the id of a user.
        #[arg(long, value_name = "EMAIL_OR_ID")]
        owner: String,
    },
    /// List the organizations, newest first: id, status, plan, name.
    List,
}

pub fn run(config: &Config, db: &ScopedDb, command: &OrganizationCommand) -> Result<(), String> {
    match command {
        OrganizationCommand::Create { name, owner } => create(config, db, name.clone(), owner),
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

fn create(config: &Config, db: &ScopedDb, name: Name, owner: &str) -> Result<(), String> {
    let clock = Clock::system();
    let now = clock.now();
    let store = ScopedStore::for_command(config, db.clone(), &clock)?;
    let made = store.change_access_blocking(|conn, access_change| match user_named(conn, owner, now)? {
        Ok(user) => {
            let id = OrganizationId::new();
            Organization::create(conn, access_change, config, id, name.into_string(), user, now).map(Ok)
        }
        Err(reason) => Ok(Err(reason)),
    });
    let made = made.map_err(|error: ApiError| match error.code {
        Code::InvalidIdToken => format!("{owner} is disabled, so the organization would have no owner who can act"),
        _ => error.to_string(),
    });
    let organization = made?.map_err(|reason| format!("--owner: {reason}"))?;
    println!("{}\t{}", organization.id, organization.name);
    Ok(())
}
