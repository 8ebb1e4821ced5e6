//! The sections of the configuration, one struct each.

use super::{IssuerSettings, duration};
use crate::access::CreatorRole;
use crate::api_keys::Scope;
use crate::db::DatabaseUrl;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The most bytes of all header names and values together.
    pub header_limit: usize,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
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
        if !plain || !(2..=32).contains(&prefix.len()) || prefix.starts_with("svc_") || prefix.starts_with("ey") {
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

/// `[identity]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The audience of the built-in provider's tokens.
    pub project_id: String,
    /// Whether the built-in provider is on.
    pub builtin: bool,
    /// Issuers whose tokens are accepted besides.
    pub issuers: Vec<IssuerSettings>,
    /// 32 bytes in hex that seal the signing keys; wins over the file.
    #[serde(default, serialize_with = "redacted", skip_serializing_if = "Option::is_none")]
    pub master_secret: Option<SecretString>,
    /// The file that has the same; made at the first start if it is missing.
    pub master_secret_file: PathBuf,
    /// The most Argon2 runs at once; 0 is one for each core.
    pub max_concurrent_hashes: usize,
    /// The most sign-ins that wait for one.
    pub max_queued_hashes: usize,
    /// The cost of a password's hash.
    pub argon2: Argon2Settings,
    /// The fewest characters of a new password.
    pub min_password_length: usize,
    /// The longest that an issuer may take to hand out its keys.
    #[serde(with = "duration")]
    pub fetch_timeout: Duration,
    /// How many passwords can be guessed, and how many accounts made.
    pub limits: AttemptLimitSettings,
}

impl Identity {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.project_id.is_empty() || self.project_id.contains('/') {
            return Err("identity.project_id: must not be empty or contain /".into());
        }
        if !self.builtin && self.issuers.is_empty() {
            return Err("identity: with builtin = false, issuers must name at least one".into());
        }
        if let Some(secret) = &self.master_secret
            && !is_32_bytes_in_hex(secret.expose_secret())
        {
            return Err("identity.master_secret: must be 32 bytes in hex, as `openssl rand -hex 32` prints".into());
        }
        argon2::Params::new(self.argon2.memory_kib, self.argon2.iterations, self.argon2.parallelism, None)
            .map_err(|error| format!("identity.argon2: {error}"))?;
        if !(6..=64).contains(&self.min_password_length) {
            return Err(format!(
                "identity.min_password_length: {} must be 6 to 64: Firebase's least, and what everybody may use",
                self.min_password_length
            ));
        }
        if self.fetch_timeout.is_zero() {
            return Err("identity.fetch_timeout: must be more than 0".into());
        }
        self.limits.check()?;
        for (place, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            if self.issuers[..place].iter().any(|other| other.name() == issuer.name()) {
                return Err(format!("identity.issuers: {} is there twice", issuer.name()));
            }
        }
        Ok(())
    }
}

/// Whether the text is what `openssl rand -hex 32` prints.
pub(crate) fn is_32_bytes_in_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn redacted<S: Serializer>(_: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}

/// `[identity.limits]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptLimitSettings {
    /// The most failed sign-ins to one account from one client address, in a window.
    pub failures_per_account_and_address: u32,
    /// The most failed sign-ins to one account from anywhere; addresses that its owner used before are exempt.
    pub failures_per_account: u32,
    /// The most failed sign-ins from one client address, to any account.
    pub failures_per_address: u32,
    /// The most sign-ups from one client address.
    pub sign_ups_per_address: u32,
    /// How long a used up limit takes to refill, which it does evenly.
    #[serde(with = "duration")]
    pub window: Duration,
}

impl AttemptLimitSettings {
    fn check(&self) -> Result<(), String> {
        let counts = [
            self.failures_per_account_and_address,
            self.failures_per_account,
            self.failures_per_address,
            self.sign_ups_per_address,
        ];
        if counts.contains(&0) || self.window.is_zero() {
            return Err("identity.limits: every limit and the window must be more than 0".into());
        }
        Ok(())
    }
}

/// `identity.argon2`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2Settings {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// `[mail]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The server that sends mail, as `smtps://USER:PASSWORD@HOST`; none: no mail is sent.
    #[serde(default, serialize_with = "redacted", skip_serializing_if = "Option::is_none")]
    pub smtp_url: Option<SecretString>,
    /// Whom mails come from.
    pub from: String,
    /// Where the links in mails lead; the built-in page if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// Shows mails in the log instead. Only `keyward demo` sets it: mails carry codes.
    #[serde(skip)]
    pub log_mails: bool,
}

impl MailSettings {
    /// Where the links in mails lead.
    pub fn action_url(&self, server: &Server) -> String {
        self.action_url.clone().unwrap_or_else(|| format!("{}/__/auth/action", server.public_url))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(url) = &self.smtp_url
            && !["smtp://", "smtps://"].iter().any(|scheme| url.expose_secret().starts_with(scheme))
        {
            return Err("mail.smtp_url: must look like smtps://USER:PASSWORD@HOST".into());
        }
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            return Err(format!(
                "mail.from: {:?} must be an address, such as Keyward <keyward@example.com>",
                self.from
            ));
        }
        if let Some(url) = &self.action_url
            && (!(url.starts_with("http://") || url.starts_with("https://")) || url.contains(['?', '#']))
        {
            return Err(format!("mail.action_url: {url:?} must start with http:// or https://, and have no ? or #"));
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
    /// How many requests may come at once.
    pub burst: u32,
    /// The most active keys in a workspace.
    pub max_active_keys: u32,
}

impl Plan {
    /// Allows nothing.
    pub(super) const CLOSED: Self = Self { requests_per_minute: 1, burst: 1, max_active_keys: 0 };
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
