//! Configuration: one typed struct, parsed and checked once, before anything is opened.
//!
//! [`load()`] merges the layers and names the layer, the key and the value when one is wrong; [`Config::check`] holds the
//! rules that span fields. `config/default.toml` documents every key.

mod audit;
mod billing;
mod cluster;
mod collections;
mod database;
mod duration;
mod identity;
mod imported_keys;
mod issuers;
mod keys;
mod leaks;
mod load;
mod log;
mod mail;
mod metrics;
mod plans;
mod presets;
mod rate_limit;
mod server;
mod subscription;
mod tls;
mod traces;
mod usage;

pub use audit::AuditSettings;
pub use billing::{Billing, StripeSettings};
pub use cluster::{ClusterFaults, ClusterSettings};
pub use collections::CollectionSettings;
pub use database::Database;
pub(crate) use identity::is_32_bytes_in_hex;
pub use identity::{Argon2Settings, AttemptLimitSettings, Identity};
pub use imported_keys::ImportedKeys;
pub use issuers::{IssuerSettings, OidcSettings, TrustEmail};
pub use keys::{KeyBody, Keys};
pub use leaks::{GithubScanning, Leaks};
pub use load::{Sources, load};
pub use log::{Log, LogFormat};
pub use mail::{InvitationLimitSettings, MailSettings};
pub use metrics::MetricsSettings;
pub use plans::Plan;
pub use presets::{PRESETS, Preset};
pub use rate_limit::{RateLimitSettings, RateLimitStore, WhenUnavailable};
pub use server::Server;
pub use subscription::SubscriptionSettings;
pub use tls::Tls;
pub use traces::TracesSettings;
pub use usage::UsageSettings;

use crate::base::error::style::ErrorSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// What every service token starts with. No key may.
pub const SERVICE_TOKEN_PREFIX: &str = "svc_";

/// The whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The preset that lies under the file, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The HTTP server.
    pub server: Server,
    /// Where the data is.
    pub database: Database,
    /// This process among those on the same database.
    pub cluster: ClusterSettings,
    /// What API keys look like, and who may make them.
    pub keys: Keys,
    /// Who may tell of keys that leaked.
    #[serde(default)]
    pub leaks: Leaks,
    /// How errors are written.
    pub errors: ErrorSettings,
    /// Who signs people in.
    pub identity: Identity,
    /// The audit trail.
    pub audit: AuditSettings,
    /// How many requests came with each key.
    pub usage: UsageSettings,
    /// Mails to people.
    pub mail: MailSettings,
    /// The subscription gate.
    pub subscription: SubscriptionSettings,
    /// Who says what is paid.
    pub billing: Billing,
    /// The plans, by name; `free` is a new organization's.
    pub plans: BTreeMap<String, Plan>,
    /// Where requests are counted.
    pub rate_limit: RateLimitSettings,
    /// The resources that tenants keep here, by name.
    #[serde(default)]
    pub collections: BTreeMap<String, CollectionSettings>,
    /// Logs.
    pub log: Log,
    /// Metrics.
    pub metrics: MetricsSettings,
    /// Traces.
    pub traces: TracesSettings,
}

impl Config {
    /// The plan of an organization without another.
    pub const DEFAULT_PLAN: &'static str = "free";

    /// The limits of a plan; those of `free` for one that is no longer configured.
    pub fn plan(&self, name: &str) -> Plan {
        self.plans.get(name).or_else(|| self.plans.get(Self::DEFAULT_PLAN)).copied().unwrap_or(Plan::CLOSED)
    }

    /// The rules that span fields. Each message names its key.
    fn check(&self) -> Result<(), String> {
        self.server.check()?;
        self.database.check()?;
        self.cluster.check(&self.server)?;
        self.keys.check()?;
        self.leaks.check()?;
        self.identity.check()?;
        self.usage.check()?;
        self.mail.check()?;
        self.rate_limit.check()?;
        let own_issuer = format!("{}/{}", self.server.public_url, self.identity.project_id);
        if self.identity.issuers.iter().any(|issuer| issuer.name() == own_issuer) {
            return Err(format!("identity.issuers: {own_issuer} is the built-in provider's own name"));
        }
        if !self.plans.contains_key(Self::DEFAULT_PLAN) {
            return Err("plans: must have a plan named \"free\", which new organizations get".into());
        }
        self.billing.check(&self.plans)?;
        for (name, plan) in &self.plans {
            plan.check().map_err(|reason| format!("plans.{name}: {reason}"))?;
        }
        self.traces.check()?;
        Ok(())
    }
}

/// A secret as `keyward config check` prints it.
fn redacted<S: Serializer>(_: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}
