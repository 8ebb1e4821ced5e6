//! [`Layer`]: the key, workspace and URL of one source: flags, environment or file.

use crate::base::ids::WorkspaceId;
use crate::client::failure::Failure;
use crate::client::values::{BaseUrl, ClientKey};
use std::io::Read;
use std::str::FromStr;

/// The values of one source.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    pub key: Option<ClientKey>,
    pub workspace: Option<WorkspaceId>,
    pub url: Option<BaseUrl>,
}

impl Layer {
    /// Reads the key, the workspace and the URL, each with its name for errors. An empty text counts as absent.
    ///
    /// # Errors
    /// The name of a malformed value, and what it must be; never the value.
    pub fn parse(values: [(String, Option<&str>); 3]) -> Result<Self, String> {
        let [key, workspace, url] = values;
        Ok(Self { key: parse(key)?, workspace: parse(workspace)?, url: parse(url)? })
    }

    /// Reads the flags, in the order key, workspace, URL.
    ///
    /// # Errors
    /// `Usage` for a malformed value and for an empty standard input.
    pub fn of_flags(key: Option<&str>, workspace: Option<&str>, url: Option<&str>) -> Result<Self, Failure> {
        let from_input = if key == Some("-") { Some(read_key()?) } else { None };
        let key = from_input.as_deref().or(key);
        if [key, workspace, url].contains(&Some("")) {
            return Err(Failure::Usage("--key, --workspace and --url must not be empty".to_owned()));
        }
        let named = [("--key", key), ("--workspace", workspace), ("--url", url)];
        Self::parse(named.map(|(name, value)| (name.to_owned(), value))).map_err(Failure::Usage)
    }

    pub(super) fn of_environment() -> Result<Self, Failure> {
        let names = ["KEYWARD_API_KEY", "KEYWARD_WORKSPACE_ID", "KEYWARD_URL"];
        let values = names.map(|name| std::env::var(name).ok());
        let mut pairs = names.iter().zip(&values).map(|(name, value)| ((*name).to_owned(), value.as_deref()));
        let parsed = Self::parse(std::array::from_fn(|_| pairs.next().unwrap_or_default()));
        parsed.map_err(Failure::NotConfigured)
    }
}

fn parse<T: FromStr<Err = String>>((name, value): (String, Option<&str>)) -> Result<Option<T>, String> {
    let parsed = value.filter(|text| !text.is_empty()).map(str::parse).transpose();
    parsed.map_err(|reason| format!("{name}: {reason}"))
}

/// Reads the key from standard input, one line, so that no shell history and no list of processes has it.
fn read_key() -> Result<String, Failure> {
    let mut text = String::new();
    // More than the longest key, but not all of a file that was given by mistake.
    let read = std::io::stdin().take(4096).read_to_string(&mut text);
    read.map_err(|error| Failure::Usage(format!("--key -: standard input: {error}")))?;
    match text.trim() {
        "" => Err(Failure::Usage("--key -: standard input is empty".to_owned())),
        key => Ok(key.to_owned()),
    }
}
