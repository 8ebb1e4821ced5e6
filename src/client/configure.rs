//! `keyward configure`
//!
//! It sends no request, so the file can be made before the server runs, or where it can't be reached.
//! `keyward whoami` tests the key.

use crate::client::failure::Failure;
use crate::client::layer::Layer;
use crate::client::values::BaseUrl;
use crate::client::{file, readable};
use clap::Args;

/// What to keep. It replaces what was kept.
#[derive(Args)]
pub struct ConfigureArgs {
    /// The API key; `-` reads it from standard input, so that the shell's history does not have it
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The workspace that the key belongs to; requests for another one are then refused
    #[arg(long, value_name = "WORKSPACE_ID")]
    workspace: Option<String>,
    /// Where the API is, with its base path, such as `https://api.example.com/v1`
    #[arg(long, value_name = "URL", default_value = BaseUrl::DEFAULT)]
    url: String,
}

pub fn run(args: &ConfigureArgs) -> Result<(), Failure> {
    let layer = Layer::of_flags(Some(&args.key), args.workspace.as_deref(), Some(&args.url))?;
    let path =
        file::path().ok_or_else(|| Failure::Here("there is no home directory: set XDG_CONFIG_HOME".to_owned()))?;
    file::write(&path, &layer)?;
    let key = layer.key.as_ref().map(|key| key.preview()).unwrap_or_default();
    let workspace = layer.workspace.map_or_else(|| "any".to_owned(), |id| id.to_string());
    let url = layer.url.as_ref().map(BaseUrl::as_str).unwrap_or_default();
    if layer.url.as_ref().is_some_and(BaseUrl::is_in_the_clear) {
        eprintln!("keyward: {url} is not https: the key can be read on its way.");
    }
    readable::print(&format!("{}\nkey {key}\nworkspace {workspace}\nurl {url}", path.display()))
}
