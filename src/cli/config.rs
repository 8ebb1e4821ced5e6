//! `keyward config`

use crate::config::Config;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print the resolved configuration, without its secrets; fail when something is wrong with it.
    Check,
}

/// Runs the command. Loading has checked everything already.
pub fn run(config: &Config, command: &ConfigCommand) -> Result<(), String> {
    match command {
        ConfigCommand::Check => {
            print!("{}", toml::to_string_pretty(config).map_err(|error| error.to_string())?);
            Ok(())
        }
    }
}
