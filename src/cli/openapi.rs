//! `keyward openapi`

use crate::base::config::Config;
use crate::server::openapi;
use crate::server::routes;
use clap::Args;
use std::path::PathBuf;

/// Print, or compare.
#[derive(Args)]
pub struct OpenapiArgs {
    /// Compare with the committed document instead of printing.
    #[arg(long)]
    check: bool,
    /// The committed document.
    #[arg(long, value_name = "FILE", default_value = "openapi/keyward.json")]
    file: PathBuf,
}

/// Prints the document, or fails if the committed one differs.
pub fn run(config: &Config, args: &OpenapiArgs) -> Result<(), String> {
    let collections = routes::compile_collections(config)?;
    let text = openapi::text(&routes::document(config, &collections), &crate::api::collections::schemas(&collections))?;
    if !args.check {
        print!("{text}");
        return Ok(());
    }
    let file = args.file.display();
    let committed = std::fs::read_to_string(&args.file).map_err(|error| format!("{file}: {error}"))?;
    if committed != text {
        return Err(format!("{file} is not the document of this binary. Run `make openapi` and review the change."));
    }
    println!("{file} is up to date");
    Ok(())
}
