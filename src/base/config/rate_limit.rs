//! `[rate_limit]`: the store that counts requests. `[plans.NAME]` has the limits.

use super::{Secret, duration};
use crate::base::text::without_password;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// `[rate_limit]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSettings {
    pub store: RateLimitStore,
    pub when_unavailable: WhenUnavailable,
    /// How long a request waits for Redis.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// Whether answers have `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, too.
    pub x_headers: bool,
    /// The most well-formed but unknown API keys from one client address in a minute. More are refused without a
    /// database read. Keys that the node knows are not affected.
    pub unknown_keys_per_minute: u32,
}

impl RateLimitSettings {
    /// The longest wait for a count that may be configured.
    const MAX_TIMEOUT: Duration = Duration::from_secs(5);

    pub(super) fn check(&self) -> Result<(), String> {
        if self.timeout.is_zero() || self.timeout > Self::MAX_TIMEOUT {
            return Err(format!("rate_limit.timeout: {:?} must be above 0 and at most 5s", self.timeout));
        }
        if self.unknown_keys_per_minute == 0 {
            return Err("rate_limit.unknown_keys_per_minute: must be at least 1".into());
        }
        Ok(())
    }
}

/// The store that counts requests.
#[derive(Clone, PartialEq, Eq)]
pub enum RateLimitStore {
    /// In the memory of each node.
    Memory,
    /// In a Redis that all nodes share. Its URL may hold a password, which `Display` hides.
    Redis(String),
}

/// How requests are handled while Redis is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnavailable {
    /// Each node counts for itself.
    Allow,
    /// Requests get 503.
    Deny,
}

impl FromStr for RateLimitStore {
    /// Constant, because the text may hold a password.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let is_redis = ["redis://", "rediss://", "redis+unix://"].iter().any(|scheme| text.starts_with(scheme));
        if is_redis && redis::Client::open(text).is_ok() {
            return Ok(Self::Redis(text.to_owned()));
        }
        Err("must be memory, redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss://… (TLS) or redis+unix://PATH")
    }
}

impl fmt::Display for RateLimitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            // The password is in the authority, or for a socket in the query.
            Self::Redis(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for RateLimitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RateLimitStore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RateLimitStore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::<SecretString>::deserialize(deserializer)?;
        text.expose_secret().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_memory_or_a_redis_and_is_printed_without_its_password() {
        for (text, shown) in [
            ("memory", "memory"),
            ("redis://127.0.0.1:6379/2", "redis://127.0.0.1:6379/2"),
            ("redis://:hunter2@redis.example", "redis://@redis.example"),
            ("rediss://keyward:hunter2@redis.example:6380", "rediss://keyward@redis.example:6380"),
            ("redis+unix:///run/redis.sock?pass=hunter2", "redis+unix:///run/redis.sock"),
        ] {
            let store: RateLimitStore = text.parse().unwrap();
            assert_eq!(store.to_string(), shown);
            assert_eq!(format!("{store:?}"), shown);
        }
        for bad in ["", "redis", "memcached://h", "redis://:hunter2@host:port"] {
            assert!(!bad.parse::<RateLimitStore>().unwrap_err().contains("hunter2"), "{bad}");
        }
    }
}
