//! The operator's commands on a database that exists. None of them makes or migrates one.

use super::{audit, backup, collection, identity, keys, organization, role, service_token, subscription, user};
use crate::base::config::{Config, Database};
use crate::infra::db::{self, Db, ScopedDb};
use clap::Subcommand;

#[derive(Subcommand)]
pub enum OperatorCommand {
    /// Copy the SQLite database into a file, while servers use it.
    Backup(backup::BackupArgs),
    /// The built-in identity provider's accounts.
    #[command(subcommand)]
    User(user::UserCommand),
    /// The built-in identity provider itself.
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    /// The organizations.
    #[command(subcommand)]
    Organization(organization::OrganizationCommand),
    /// The custom roles of organizations.
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// The operator's lever on subscriptions.
    #[command(subcommand)]
    Subscription(subscription::SubscriptionCommand),
    /// The tokens of gateways and other services.
    #[command(subcommand)]
    ServiceToken(service_token::ServiceTokenCommand),
    /// The tenants' API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// What tenants keep in configured collections.
    #[command(subcommand)]
    Collection(collection::CollectionCommand),
    /// The audit trails.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

pub fn run(config: &Config, command: &OperatorCommand) -> Result<(), String> {
    match command {
        // A backup comes before an upgrade, so it may have the schema of an older version.
        OperatorCommand::Backup(args) => backup::run(config, args),
        OperatorCommand::User(command) => user::run(config, &database(config)?, command),
        OperatorCommand::Identity(command) => identity::run(config, &database(config)?, command),
        OperatorCommand::Organization(command) => organization::run(config, &database(config)?, command),
        OperatorCommand::Role(command) => role::run(&database(config)?, command),
        OperatorCommand::Subscription(command) => subscription::run(config, &database(config)?, command),
        OperatorCommand::ServiceToken(command) => service_token::run(config, &database(config)?, command),
        OperatorCommand::Keys(command) => keys::run(config, &database(config)?, command),
        OperatorCommand::Collection(command) => collection::run(&database(config)?, command),
        OperatorCommand::Audit(command) => audit::run(&database(config)?, command),
    }
}

/// Opens the database: one connection, and all tenants.
///
/// # Errors
/// A message for the operator if it is missing, or has another schema than this binary's.
fn database(config: &Config) -> Result<ScopedDb, String> {
    db::ensure_current(&config.database.url)?;
    Ok(Db::new(&Database { pool_size: 1, ..config.database.clone() }).for_all_tenants())
}
