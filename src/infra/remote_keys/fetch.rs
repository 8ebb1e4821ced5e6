//! [`Fetcher`]: fetches what another party publishes, over HTTP.

use crate::base::network::is_loopback_http;
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use serde::Deserialize;
use std::sync::OnceLock;
use std::time::Duration;

/// The most bytes of a response.
const SIZE_LIMIT: usize = 1024 * 1024;
/// The longest time that a set is fresh, since a withdrawn key must disappear.
const MAX_FRESH: Duration = Duration::from_secs(24 * 3600);

/// Where an issuer's keys are.
#[derive(Debug)]
pub(crate) enum Source {
    /// At this URL.
    Keys(String),
    /// At the `jwks_uri` of the issuer's OpenID configuration.
    Discovery {
        /// The issuer's name, which is the base URL of its configuration.
        issuer: String,
    },
}

/// Fetches from one source.
pub(super) struct Fetcher {
    pub(super) source: Source,
    /// The minimum time that a set is fresh.
    least_fresh: Duration,
    /// How long a fetch may take, from the connection to the last byte.
    time_limit: Duration,
    secure: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
}

impl Fetcher {
    pub(super) fn new(source: Source, least_fresh: Duration, time_limit: Duration) -> Self {
        Self { source, least_fresh, time_limit, secure: OnceLock::new(), loopback: OnceLock::new() }
    }

    /// Returns the published keys, and how long they are fresh.
    pub(super) async fn fetch(&self) -> Result<(Vec<u8>, Duration), String> {
        let whole = async {
            match &self.source {
                Source::Keys(url) => self.get(url).await,
                Source::Discovery { issuer } => self.get(&self.discover(issuer).await?).await,
            }
        };
        tokio::time::timeout(self.time_limit, whole).await.unwrap_or_else(|_| Err("no whole answer in time".to_owned()))
    }

    /// Returns the URL of the keys from the issuer's configuration (OpenID Connect Discovery 1.0, 4).
    async fn discover(&self, issuer: &str) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Configuration {
            issuer: String,
            jwks_uri: String,
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let (body, _) = self.get(&url).await?;
        let found: Configuration =
            serde_json::from_slice(&body).map_err(|error| format!("not an OpenID configuration: {error}"))?;
        // 4.3: otherwise a person who can place a file on that server could speak for the issuer.
        if found.issuer != issuer {
            return Err(format!("the OpenID configuration is that of another issuer: {:?}", found.issuer));
        }
        // Plain HTTP is for an issuer on this machine. No other issuer may point to a service on it.
        let is_allowed =
            found.jwks_uri.starts_with("https://") || is_loopback_http(issuer) && is_loopback_http(&found.jwks_uri);
        if is_allowed { Ok(found.jwks_uri) } else { Err("jwks_uri must start with https://".to_owned()) }
    }

    /// Returns the content at a URL, and how long it is fresh.
    async fn get(&self, url: &str) -> Result<(Vec<u8>, Duration), String> {
        let mut response = self.client(url)?.get(url).send().await.map_err(explain)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let fresh = freshness(response.headers(), self.least_fresh);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > SIZE_LIMIT {
                return Err(format!("the answer is larger than {SIZE_LIMIT} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, fresh))
    }

    /// Returns the client, built at the first fetch: building fails on a system without certificates, and only fetches
    /// need it.
    fn client(&self, url: &str) -> Result<&reqwest::Client, String> {
        let is_plain = url.starts_with("http://");
        let kept = if is_plain { &self.loopback } else { &self.secure };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.time_limit)
            // GitHub refuses requests without a `User-Agent`.
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            // Fetches are hours apart, so an idle connection would only go stale.
            .pool_max_idle_per_host(0);
        if is_plain {
            // Configuration allows plain HTTP only for this machine: no proxy stands between, and no certificate is
            // needed.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let client = builder.build().map_err(explain)?;
        Ok(kept.get_or_init(|| client))
    }
}

/// Returns the text of an error and of its causes: reqwest's own text has only the failed step.
fn explain(error: reqwest::Error) -> String {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Returns how long a set is fresh: `max-age` of `Cache-Control`, within bounds.
fn freshness(headers: &HeaderMap, least: Duration) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let max_age = directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("max-age") { value.trim().trim_matches('"').parse().ok() } else { None }
    });
    max_age.map_or(least, |seconds| Duration::from_secs(seconds).clamp(least, MAX_FRESH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_honoured_within_bounds() {
        let seconds = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, value.parse().unwrap());
            }
            freshness(&headers, Duration::from_secs(60)).as_secs()
        };
        assert_eq!(seconds(&["public, max-age=21600, must-revalidate, no-transform"]), 21_600);
        assert_eq!(seconds(&["public", "Max-Age = \"300\""]), 300);
        assert_eq!(seconds(&["max-age=0"]), 60);
        assert_eq!(seconds(&["max-age=999999999"]), 24 * 3600);
        assert_eq!(seconds(&["s-maxage=300"]), 60);
        assert_eq!(seconds(&["max-age=-1"]), 60);
        assert_eq!(seconds(&["no-store"]), 60);
        assert_eq!(seconds(&[]), 60);
    }
}
