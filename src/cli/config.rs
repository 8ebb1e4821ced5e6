//! `keyward config`

use crate::base::config::Config;
use crate::server::routes::compile_collections;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print the resolved configuration, without its secrets; fail when something is wrong with it.
    Check,
}

/// Runs the command. Loading checks all but the collections, whose paths may clash with other routes.
pub fn run(config: &Config, command: &ConfigCommand) -> Result<(), String> {
    match command {
        ConfigCommand::Check => {
            compile_collections(config, &config.permission_catalog()?)?;
            print!("{}", toml::to_string_pretty(config).map_err(|error| error.to_string())?);
            Ok(())
        }
    }
}
