//! The sections of the configuration, one struct each.

use super::SERVICE_TOKEN_PREFIX;
use super::{ImportedKeys, Tls, duration};
use crate::base::policy::CreatorRole;
use crate::base::policy::Scope;
use crate::base::sql::DatabaseUrl;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::SocketAddr;
use std::time::Duration;

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that serve requests; 0 is one for each core.
    pub workers: usize,
    /// What the API's paths start with.
    pub base_path: String,
    /// How clients reach this server, without a slash at the end.
    pub public_url: String,
    /// The longest a request may take.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How long a stop waits for requests in flight.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
    /// The longest that a client may take to send the headers of its first request.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long a connection stays open between two requests.
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    /// The most connections at once; fewer where the process may not open so many files.
    pub max_connections: usize,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The most bytes of all header names and values together.
    pub header_limit: usize,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// The certificate, where this server ends TLS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl Server {
    pub(super) fn check(&self) -> Result<(), String> {
        let path = &self.base_path;
        let segment_is_plain = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment_is_plain)) {
            return Err(format!("server.base_path: {path:?} must look like \"/v1\" or \"/api/v1\""));
        }
        let url = &self.public_url;
        if !(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/') {
            return Err(format!("server.public_url: {url:?} must start with http:// or https:// and not end with /"));
        }
        for origin in &self.cors_origins {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*'])) {
                return Err(format!(
                    "server.cors_origins: {origin:?} must be an origin such as https://admin.example.com"
                ));
            }
        }
        if self.request_timeout.is_zero() || self.body_limit == 0 || self.header_limit == 0 {
            return Err("server: request_timeout, body_limit and header_limit must be above 0".into());
        }
        // Zero would mean for ever.
        if self.header_timeout.is_zero() || self.keep_alive.is_zero() || self.max_connections == 0 {
            return Err("server: header_timeout, keep_alive and max_connections must be above 0".into());
        }
        Ok(())
    }
}

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Which database, and where.
    pub url: DatabaseUrl,
    /// The most connections.
    pub pool_size: u32,
    /// How long a request waits for a free connection.
    #[serde(with = "duration")]
    pub pool_timeout: Duration,
    /// Whether connections keep prepared statements; not where `url` leads through a pooler that can't follow them.
    pub prepared_statements: bool,
    /// Whether a start runs the migrations that the database lacks; else it refuses a schema that is not its own.
    pub migrate: bool,
    /// PostgreSQL's own address, where `url` leads through a pooler such as pgbouncer: LISTEN needs a session of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_url: Option<DatabaseUrl>,
}

impl Database {
    /// Where to listen for changes of other nodes.
    pub fn listen_url(&self) -> &DatabaseUrl {
        self.listen_url.as_ref().unwrap_or(&self.url)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.pool_size == 0 {
            return Err("database.pool_size: must be at least 1".into());
        }
        let both_are_postgres =
            matches!(self.url, DatabaseUrl::Postgres(_)) && matches!(self.listen_url(), DatabaseUrl::Postgres(_));
        if self.listen_url.is_some() && !both_are_postgres {
            return Err("database.listen_url: is for PostgreSQL behind a connection pooler".into());
        }
        Ok(())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The characters of a key's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyBody {
    /// `0-9A-Za-z`
    Base62,
    /// `0-9a-f`
    Hex,
}

/// `[keys]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// What every key starts with.
    pub prefix: String,
    /// The characters of the rest.
    pub body: KeyBody,
    /// How many random characters; a checksum follows.
    pub length: usize,
    /// Which headers may carry a key; `Authorization` means Bearer.
    pub headers: Vec<String>,
    /// The least role that may create keys.
    pub min_creator_role: CreatorRole,
    /// The scopes that keys may have; the first is the default.
    pub scopes: Vec<Scope>,
    /// Whether API keys may manage API keys of their workspace.
    pub manage_with_keys: bool,
    /// Other formats, of keys that were imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<ImportedKeys>,
}

impl Keys {
    /// Whether `Authorization: Bearer` may carry a key.
    pub fn bearer(&self) -> bool {
        self.headers.iter().any(|name| name.eq_ignore_ascii_case("authorization"))
    }

    /// The headers that carry nothing but a key.
    pub fn own_headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(String::as_str).filter(|name| !name.eq_ignore_ascii_case("authorization"))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let prefix = &self.prefix;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !plain
            || !(2..=32).contains(&prefix.len())
            || prefix.starts_with(SERVICE_TOKEN_PREFIX)
            || prefix.starts_with("ey")
        {
            return Err(format!(
                "keys.prefix: {prefix:?} must be 2 to 32 letters, digits, _ and -, and not start with svc_ or ey"
            ));
        }
        let least = match self.body {
            KeyBody::Base62 => 22,
            KeyBody::Hex => 32,
        };
        if !(least..=128).contains(&self.length) {
            return Err(format!("keys.length: {} must be {least} to 128, for 128 bits of randomness", self.length));
        }
        self.imported.iter().try_for_each(ImportedKeys::check)?;
        if self.scopes.is_empty() {
            return Err("keys.scopes: must name \"full\", \"read_only\" or both".into());
        }
        if self.headers.is_empty() {
            return Err("keys.headers: must name at least one header".into());
        }
        for name in &self.headers {
            if actix_web::http::header::HeaderName::try_from(name.as_str()).is_err() {
                return Err(format!("keys.headers: {name:?} is not a header's name"));
            }
        }
        Ok(())
    }
}

/// `[subscription]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Whether programs of organizations without an active subscription are refused.
    pub enforce: bool,
    /// How long a new organization's trial lasts, in days.
    pub trial_days: u16,
}

/// `[plans.NAME]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sustained rate of one key, in requests a minute.
    pub requests_per_minute: u32,
    /// How many requests of one key may come at once.
    pub burst: u32,
    /// The sustained rate of all keys of a workspace together; five keys' if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_requests_per_minute: Option<u32>,
    /// How many requests of a workspace may come at once; five keys' if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_burst: Option<u32>,
    /// The most active keys in a workspace.
    pub max_active_keys: u32,
}

impl Plan {
    /// Allows nothing.
    pub(super) const CLOSED: Self = Self {
        requests_per_minute: 1,
        burst: 1,
        workspace_requests_per_minute: None,
        workspace_burst: None,
        max_active_keys: 0,
    };
    /// How many keys at their limit a workspace has room for, where the plan does not say.
    const KEYS_IN_A_WORKSPACE: u32 = 5;
    /// A million a second.
    const HIGHEST_RATE: u32 = 60_000_000;
    const LARGEST_BURST: u32 = 10_000_000;

    /// The requests a minute and the burst of all keys of a workspace together.
    pub fn workspace_limit(&self) -> (u32, u32) {
        let several = |of_a_key: u32| of_a_key.saturating_mul(Self::KEYS_IN_A_WORKSPACE);
        (
            self.workspace_requests_per_minute.unwrap_or_else(|| several(self.requests_per_minute)),
            self.workspace_burst.unwrap_or_else(|| several(self.burst)),
        )
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (workspace_rate, workspace_burst) = self.workspace_limit();
        for (name, value, most) in [
            ("requests_per_minute", self.requests_per_minute, Self::HIGHEST_RATE),
            ("burst", self.burst, Self::LARGEST_BURST),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{name}: {value} must be 1 to {most}"));
            }
        }
        for (name, value, of_a_key) in [
            ("workspace_requests_per_minute", workspace_rate, self.requests_per_minute),
            ("workspace_burst", workspace_burst, self.burst),
        ] {
            if value < of_a_key {
                return Err(format!("{name}: {value} must not be below what one key may do, {of_a_key}"));
            }
        }
        Ok(())
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Pretty,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Which events, in the directives of tracing's `EnvFilter`.
    pub filter: String,
}
