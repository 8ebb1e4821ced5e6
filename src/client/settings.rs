//! The key, workspace and URL in effect: flags override the environment, which overrides the file.
//!
//! A workspace is used only with a key of its own layer or of one below: a key from the environment is not sent with
//! the workspace of another key in the file.

use super::layer::Layer;
use crate::base::ids::WorkspaceId;
use crate::client::failure::Failure;
use crate::client::file;
use crate::client::values::{BaseUrl, ClientKey};
use clap::Args;

/// As whom, where, and how to show it.
#[derive(Args)]
pub struct ConnectionArgs {
    /// The API key; `-` reads it from standard input
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The workspace that the key must belong to
    #[arg(long, value_name = "WORKSPACE_ID")]
    workspace: Option<String>,
    /// Where the API is, with its base path
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print the server's JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// How often to try again after a 429 or a 503, as long as the server says
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: u32,
}

/// The values in effect.
#[derive(Debug)]
pub struct Settings {
    pub key: ClientKey,
    pub workspace: Option<WorkspaceId>,
    pub url: BaseUrl,
}

impl Settings {
    /// Reads the flags, the environment and the file.
    ///
    /// # Errors
    /// `Usage` and `NotConfigured`.
    pub fn find(args: &ConnectionArgs) -> Result<Self, Failure> {
        let flags = Layer::of_flags(args.key.as_deref(), args.workspace.as_deref(), args.url.as_deref())?;
        let environment = Layer::of_environment()?;
        let file = file::path().map_or_else(|| Ok(Layer::default()), |path| file::read(&path))?;
        Self::merge(&[flags, environment, file])
    }

    /// Merges layers; earlier ones have precedence.
    fn merge(layers: &[Layer]) -> Result<Self, Failure> {
        let found = layers.iter().enumerate().find_map(|(place, layer)| layer.key.clone().map(|key| (place, key)));
        let (place, key) = found.ok_or_else(|| {
            let how = "Run `keyward configure --key KEY --workspace WORKSPACE_ID`, or set KEYWARD_API_KEY";
            Failure::NotConfigured(format!("there is no API key. {how}"))
        })?;
        let workspace = layers.iter().take(place + 1).find_map(|layer| layer.workspace);
        let url = layers.iter().find_map(|layer| layer.url.clone());
        let url = url.map_or_else(|| BaseUrl::DEFAULT.parse().map_err(Failure::Here), Ok)?;
        Ok(Self { key, workspace, url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(key: &str, workspace: &str, url: &str) -> Layer {
        let named = [key, workspace, url].map(|value| ("x".to_owned(), Some(value)));
        Layer::parse(named).unwrap()
    }

    #[test]
    fn a_workspace_is_never_sent_with_a_key_of_a_layer_above_it() {
        let (first, second) = ("ws_01k4w5c9q2e0vb7m3t8z6r1xhd", "ws_01k4w5c9q2e0vb7m3t8z6r1xhe");
        let file = layer("sk_of_the_file", first, "https://file.example/v1");
        let settings = Settings::merge(&[Layer::default(), layer("", second, ""), file.clone()]).unwrap();
        assert_eq!(settings.key.expose(), "sk_of_the_file");
        assert_eq!(settings.workspace.map(|id| id.to_string()).as_deref(), Some(second));
        let settings = Settings::merge(&[layer("sk_of_a_flag", "", ""), layer("sk_other_one", second, ""), file]);
        let settings = settings.unwrap();
        assert_eq!(settings.key.expose(), "sk_of_a_flag");
        assert_eq!(settings.workspace, None);
        assert_eq!(settings.url.as_str(), "https://file.example/v1");
    }

    #[test]
    fn without_a_url_it_is_the_demos_and_without_a_key_nothing_is_sent() {
        let settings = Settings::merge(&[layer("sk_of_a_flag", "", "")]).unwrap();
        assert_eq!(settings.url.as_str(), BaseUrl::DEFAULT);
        assert!(matches!(Settings::merge(&[layer("", "", "https://a/v1")]), Err(Failure::NotConfigured(_))));
    }
}
