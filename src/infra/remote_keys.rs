//! [`RemoteKeys`]: fetches and caches the keys that another party publishes, such as an issuer.
//!
//! [`RemoteKeys::find`] answers from the cached set while it is fresh. Otherwise, or for an unknown key id, one request
//! fetches, and the others wait for it. Attempts have a minimum interval, so tokens with made-up key ids cause no
//! storm. While the endpoint is down, the old set serves for a bounded time. After that no token can be checked, which
//! is not the caller's fault: 503, never 401.

use crate::base::error::{ApiError, Code};
use crate::base::network::is_loopback_http;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use parking_lot::RwLock;
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The most bytes of a response.
const SIZE_LIMIT: usize = 1024 * 1024;
/// The longest time that a set is fresh, since a withdrawn key must disappear.
const MAX_FRESH: Duration = Duration::from_secs(24 * 3600);
/// How long an expired set serves while no newer set can be fetched.
const MAX_STALE: Duration = Duration::from_secs(3600);
/// The policy for the keys of issuers.
pub(crate) const ISSUERS: RefreshPolicy = RefreshPolicy {
    least_fresh: Duration::from_secs(60),
    after_success: Duration::from_secs(30),
    after_failure: Duration::from_secs(5),
};

/// Limits how often keys are fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshPolicy {
    /// The minimum time that a set is fresh, and the time for a response without `max-age`.
    pub(crate) least_fresh: Duration,
    /// The minimum time between a successful fetch and the next.
    pub(crate) after_success: Duration,
    /// The minimum time between a failed fetch and the next.
    pub(crate) after_failure: Duration,
}

/// Parses a response: returns the keys by their ids, or the reason for the failure.
pub(crate) type ParseKeys<K> = Box<dyn Fn(&[u8]) -> Result<HashMap<String, K>, String> + Send + Sync>;

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

/// The keys of one source.
pub(crate) struct RemoteKeys<K> {
    source: Source,
    reader: ParseKeys<K>,
    refresh_policy: RefreshPolicy,
    /// How long a fetch may take, from the connection to the last byte.
    time_limit: Duration,
    secure: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
    kept: RwLock<Arc<Snapshot<K>>>,
    /// Held by the one request that fetches.
    fetching: tokio::sync::Mutex<()>,
}

/// The result of the last fetches.
#[derive(Clone)]
struct Snapshot<K> {
    keys: HashMap<String, K>,
    fresh_until: Option<Timestamp>,
    next_attempt: Option<Timestamp>,
    last_attempt_failed: bool,
}

impl<K> Default for Snapshot<K> {
    fn default() -> Self {
        Self { keys: HashMap::new(), fresh_until: None, next_attempt: None, last_attempt_failed: false }
    }
}

impl<K: Clone> Snapshot<K> {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.fresh_until.is_some_and(|end| now < end)
    }

    fn may_serve(&self, now: Timestamp) -> bool {
        self.fresh_until.is_some_and(|end| now < end.plus(MAX_STALE))
    }

    fn may_attempt(&self, now: Timestamp) -> bool {
        self.next_attempt.is_none_or(|next| now >= next)
    }

    /// Returns the key, if the set is fresh.
    fn fresh(&self, id: &str, now: Timestamp) -> Option<K> {
        self.keys.get(id).filter(|_| self.is_fresh(now)).cloned()
    }

    /// Returns the answer without another fetch. A missing key counts as unknown only if the set is up to date.
    fn answer_from_snapshot(&self, id: &str, now: Timestamp) -> Result<K, ApiError> {
        match self.keys.get(id) {
            Some(key) if self.may_serve(now) => Ok(key.clone()),
            None if self.is_fresh(now) && !self.last_attempt_failed => Err(Code::InvalidIdToken.into()),
            _ => Err(ApiError::unavailable_because("the issuer's keys can't be fetched")),
        }
    }
}

impl<K: Clone> RemoteKeys<K> {
    /// Creates an empty set for the source. Fetches nothing yet.
    pub(crate) fn of(
        source: Source,
        reader: ParseKeys<K>,
        time_limit: Duration,
        refresh_policy: RefreshPolicy,
    ) -> Self {
        Self {
            source,
            reader,
            refresh_policy,
            time_limit,
            secure: OnceLock::new(),
            loopback: OnceLock::new(),
            kept: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the key with this id.
    ///
    /// # Errors
    /// `invalid_id_token` if a fresh set lacks the id; `unavailable` if no set can be fetched.
    pub(crate) async fn find(&self, id: &str, clock: &Clock) -> Result<K, ApiError> {
        let kept = self.kept();
        let now = clock.now();
        if let Some(key) = kept.fresh(id, now) {
            return Ok(key);
        }
        let _alone = match self.fetching.try_lock() {
            Ok(guard) => guard,
            // Another request fetches. A stale key serves meanwhile, so that a hanging endpoint delays one request
            // only.
            Err(_) if kept.keys.contains_key(id) && kept.may_serve(now) => return kept.answer_from_snapshot(id, now),
            Err(_) => self.fetching.lock().await,
        };
        // The last holder of the lock may have fetched the key.
        let kept = self.kept();
        let now = clock.now();
        if let Some(key) = kept.fresh(id, now) {
            return Ok(key);
        }
        if !kept.may_attempt(now) {
            return kept.answer_from_snapshot(id, now);
        }
        let fetched = tokio::time::timeout(self.time_limit, self.fetch()).await;
        let updated = match fetched.unwrap_or_else(|_| Err("no whole answer in time".to_owned())) {
            Ok((keys, fresh)) => Snapshot {
                keys,
                fresh_until: Some(now.plus(fresh)),
                next_attempt: Some(now.plus(self.refresh_policy.after_success)),
                last_attempt_failed: false,
            },
            Err(error) => {
                tracing::warn!(source = ?self.source, error, "published keys can't be fetched");
                Snapshot {
                    next_attempt: Some(now.plus(self.refresh_policy.after_failure)),
                    last_attempt_failed: true,
                    ..Snapshot::clone(&kept)
                }
            }
        };
        let answer = updated.answer_from_snapshot(id, now);
        *self.kept.write() = Arc::new(updated);
        answer
    }

    fn kept(&self) -> Arc<Snapshot<K>> {
        Arc::clone(&self.kept.read())
    }

    async fn fetch(&self) -> Result<(HashMap<String, K>, Duration), String> {
        let (body, fresh) = match &self.source {
            Source::Keys(url) => self.get(url).await?,
            Source::Discovery { issuer } => self.get(&self.discover(issuer).await?).await?,
        };
        Ok(((self.reader)(&body)?, fresh))
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
        let fresh = freshness(response.headers(), self.refresh_policy.least_fresh);
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
            freshness(&headers, ISSUERS.least_fresh).as_secs()
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

    #[test]
    fn an_unknown_key_is_the_callers_fault_only_while_the_set_is_up_to_date() {
        let now = Clock::system().now();
        let keys = HashMap::from([("known".to_owned(), ())]);
        let kept = |failed| Snapshot {
            keys: keys.clone(),
            fresh_until: Some(now),
            next_attempt: None,
            last_attempt_failed: failed,
        };
        let outcome =
            |kept: &Snapshot<()>, id, at| kept.answer_from_snapshot(id, at).map(|_| ()).map_err(|error| error.code);
        let (before, after, late) = (now.minus(Duration::from_secs(1)), now.plus(MAX_STALE / 2), now.plus(MAX_STALE));
        assert_eq!(outcome(&kept(false), "unknown", before), Err(Code::InvalidIdToken));
        assert_eq!(outcome(&kept(true), "unknown", before), Err(Code::Unavailable));
        assert_eq!(outcome(&kept(true), "unknown", after), Err(Code::Unavailable));
        assert_eq!(outcome(&kept(true), "known", after), Ok(()));
        assert_eq!(outcome(&kept(true), "known", late), Err(Code::Unavailable));
        assert_eq!(outcome(&Snapshot::<()>::default(), "known", now), Err(Code::Unavailable));
    }
}
