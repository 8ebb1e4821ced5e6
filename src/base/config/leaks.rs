//! `[leaks]`: the services that may report leaked keys.

use super::duration;
use crate::base::network::is_loopback_http;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The URL of the public keys with which GitHub signs reports.
const GITHUB_KEYS: &str = "https://api.github.com/meta/public_keys/secret_scanning";

/// `[leaks]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaks {
    /// GitHub's secret scanning. `None`: only services with a service token may report keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<GithubScanning>,
}

/// `[leaks.github]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubScanning {
    /// The URL of GitHub's public keys.
    #[serde(default = "github_keys")]
    pub public_keys_url: String,
    /// How long a fetch of the keys may take.
    #[serde(default = "fetch_timeout", with = "duration")]
    pub fetch_timeout: Duration,
}

fn github_keys() -> String {
    GITHUB_KEYS.to_owned()
}

fn fetch_timeout() -> Duration {
    Duration::from_secs(5)
}

impl Leaks {
    pub(super) fn check(&self) -> Result<(), String> {
        let Some(github) = &self.github else { return Ok(()) };
        let url = &github.public_keys_url;
        if !url.starts_with("https://") && !is_loopback_http(url) {
            return Err(format!("leaks.github.public_keys_url: {url:?} must start with https://"));
        }
        if github.fetch_timeout.is_zero() {
            return Err("leaks.github.fetch_timeout: must be above 0".into());
        }
        Ok(())
    }
}
