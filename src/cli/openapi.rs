//! `keyward openapi`

use crate::api::collections::schemas;
use crate::base::config::Config;
use crate::server::openapi::Texts;
use crate::server::routes;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A version of OpenAPI.
#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// The newest one that Keyward writes.
    #[value(name = "3.1")]
    V3_1,
    /// For tools that don't read 3.1.
    #[value(name = "3.0")]
    V3_0,
}

/// Print, or compare.
#[derive(Args)]
pub struct OpenapiArgs {
    /// The version of OpenAPI.
    #[arg(long, value_name = "VERSION", default_value = "3.1")]
    version: Version,
    /// Compare with the committed document instead of printing.
    #[arg(long)]
    check: bool,
    /// The committed document: openapi/keyward.json, or openapi/keyward-3.0.json.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints the document, or fails if the committed one differs.
pub fn run(config: &Config, args: &OpenapiArgs) -> Result<(), String> {
    let collections = routes::compile_collections(config, &config.permission_catalog()?)?;
    let texts = Texts::new(&routes::document(config, &collections), &schemas(&collections))?;
    let (text, usual) = match args.version {
        Version::V3_1 => (texts.v3_1, "openapi/keyward.json"),
        Version::V3_0 => (texts.v3_0, "openapi/keyward-3.0.json"),
    };
    if !args.check {
        print!("{text}");
        return Ok(());
    }
    let file = args.file.clone().unwrap_or_else(|| usual.into());
    let committed = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let file = file.display();
    if committed != text {
        return Err(format!("{file} is not the document of this binary. Run `make openapi` and review the change."));
    }
    println!("{file} is up to date");
    Ok(())
}
