//! `keyward backup`

use crate::base::config::Config;
use crate::infra::db::back_up;
use clap::Args;
use std::path::PathBuf;

/// Where to.
#[derive(Args)]
pub struct BackupArgs {
    /// The file to make. One that is there already is left alone.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command. It neither checks nor migrates the schema: a backup comes before an upgrade.
pub fn run(config: &Config, args: &BackupArgs) -> Result<(), String> {
    let bytes = back_up(&config.database.url, &args.file)?;
    println!("{}: {bytes} bytes", args.file.display());
    if config.identity.builtin && config.identity.master_secret.is_none() {
        println!("keep {} too, apart from it", config.identity.master_secret_file.display());
    }
    Ok(())
}
