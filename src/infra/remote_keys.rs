//! [`RemoteKeys`]: keys that somebody else publishes, such as another issuer's, fetched and kept.
//!
//! [`RemoteKeys::find`] answers from the kept set while it is fresh. Else, or for an unknown key id, one request fetches
//! and the others wait for it. Attempts have a least distance, so tokens with made-up key ids cause no storm. While the
//! endpoint is down the old set serves for a bounded time; after that nothing can be checked, which is not the
//! caller's fault: 503, never 401.

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

/// The most bytes of an answer.
const SIZE_LIMIT: usize = 1024 * 1024;
/// The longest time that a set is fresh: a withdrawn key must go.
const MAX_FRESH: Duration = Duration::from_secs(24 * 3600);
/// How long a set that is no longer fresh serves while no newer one can be had.
const MAX_STALE: Duration = Duration::from_secs(3600);
/// How often issuers are asked.
pub(crate) const ISSUERS: RefreshPolicy = RefreshPolicy {
    least_fresh: Duration::from_secs(60),
    after_success: Duration::from_secs(30),
    after_failure: Duration::from_secs(5),
};

/// How often keys are fetched at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshPolicy {
    /// The least time that a set is fresh, and the time for one that does not say.
    pub(crate) least_fresh: Duration,
    /// The least time between a fetch that worked and the next.
    pub(crate) after_success: Duration,
    /// The least time between a fetch that failed and the next.
    pub(crate) after_failure: Duration,
}

/// Reads an answer: the keys by their ids, or why there are none.
pub(crate) type ParseKeys<K> = Box<dyn Fn(&[u8]) -> Result<HashMap<String, K>, String> + Send + Sync>;

/// Where an issuer's keys are.
#[derive(Debug)]
pub(crate) enum Source {
    /// At this URL.
    Keys(String),
    /// Where the issuer's OpenID configuration says.
    Discovery {
        /// The issuer's name, under which its configuration is.
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

/// What the last fetches left.
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

    /// The key while the set is fresh.
    fn fresh(&self, id: &str, now: Timestamp) -> Option<K> {
        self.keys.get(id).filter(|_| self.is_fresh(now)).cloned()
    }

    /// The answer without another fetch. A key that is not in the set is unknown only if the set is up to date.
    fn answer_from_snapshot(&self, id: &str, now: Timestamp) -> Result<K, ApiError> {
        match self.keys.get(id) {
            Some(key) if self.may_serve(now) => Ok(key.clone()),
            None if self.is_fresh(now) && !self.last_attempt_failed => Err(Code::InvalidIdToken.into()),
            _ => Err(ApiError::unavailable_because("the issuer's keys can't be fetched")),
        }
    }
}

impl<K: Clone> RemoteKeys<K> {
    /// The keys of that source. Fetches nothing yet.
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

    /// The key of an id.
    ///
    /// # Errors
    /// `invalid_id_token` for an id that is in no fresh set; `unavailable` when none can be had.
    pub(crate) async fn find(&self, id: &str, clock: &Clock) -> Result<K, ApiError> {
        let kept = self.kept();
        let now = clock.now();
        if let Some(key) = kept.fresh(id, now) {
            return Ok(key);
        }
        let _alone = match self.fetching.try_lock() {
            Ok(guard) => guard,
            // Somebody fetches; a stale key serves meanwhile, so that an endpoint that hangs delays one request only.
            Err(_) if kept.keys.contains_key(id) && kept.may_serve(now) => return kept.answer_from_snapshot(id, now),
            Err(_) => self.fetching.lock().await,
        };
        // The one who had the lock before may have brought the key.
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

    /// Where the keys are, by the issuer's configuration (OpenID Connect Discovery 1.0, 4).
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
        // 4.3: else whoever can have a file served there speaks for the issuer.
        if found.issuer != issuer {
            return Err(format!("the OpenID configuration is that of another issuer: {:?}", found.issuer));
        }
        // Plain HTTP is for an issuer on this very machine; nobody else may point at a service on it.
        let is_allowed =
            found.jwks_uri.starts_with("https://") || is_loopback_http(issuer) && is_loopback_http(&found.jwks_uri);
        if is_allowed { Ok(found.jwks_uri) } else { Err("jwks_uri must start with https://".to_owned()) }
    }

    /// What is at a URL, and how long it is fresh.
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

    /// Built at the first fetch: where the system has no certificates it fails, and nothing else needs one.
    fn client(&self, url: &str) -> Result<&reqwest::Client, String> {
        let is_plain = url.starts_with("http://");
        let kept = if is_plain { &self.loopback } else { &self.secure };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.time_limit)
            // GitHub answers nobody without a name.
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            // Fetches are hours apart: a connection that is kept would only go stale.
            .pool_max_idle_per_host(0);
        if is_plain {
            // Configuration allows that for this very machine: no proxy stands between, and no certificate is needed.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let client = builder.build().map_err(explain)?;
        Ok(kept.get_or_init(|| client))
    }
}

/// reqwest's errors say what they were doing; why it failed stands in their causes.
fn explain(error: reqwest::Error) -> String {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How long a set is fresh: `max-age` of `Cache-Control`, within bounds.
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
