//! `keyward role`

use crate::base::ids::OrganizationId;
use crate::domain::tenancy::Role;
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do. The admins of an organization make, change and delete its roles over HTTP.
#[derive(Subcommand)]
pub enum RoleCommand {
    /// List the custom roles, newest first: id, organization, name, permissions.
    List {
        /// Those of one organization.
        #[arg(long, value_name = "ID")]
        organization: Option<OrganizationId>,
    },
}

pub fn run(db: &ScopedDb, command: &RoleCommand) -> Result<(), String> {
    match command {
        RoleCommand::List { organization } => {
            let rows = db.read_blocking(|conn| Role::all(conn, *organization)).map_err(|error| error.to_string())?;
            for role in rows {
                let permissions: Vec<&str> = role.permissions.iter().collect();
                println!("{}\t{}\t{}\t{}", role.id, role.organization_id, role.name, permissions.join(","));
            }
            Ok(())
        }
    }
}
