//! Configuration: one typed struct, parsed and checked once, before anything is opened.
//!
//! [`load()`] merges the layers. Its error names the layer, the key and the value. [`Config::check`] has the rules that
//! span fields. `config/default.toml` documents every key.

mod admission;
mod audit;
mod billing;
mod cluster;
mod collections;
mod database;
mod docs;
mod duration;
mod gateway;
mod identity;
mod imported_keys;
mod issuers;
mod keys;
mod leaks;
mod limits;
mod load;
mod log;
mod mail;
mod metrics;
mod origins;
mod permissions;
mod plans;
mod presets;
mod rate_limit;
mod secret;
mod security_txt;
mod server;
mod subscription;
mod tls;
mod traces;
mod trusted_page;
mod usage;

pub use admission::{AdmissionSettings, RequiredClaim, RequiredClaims};
pub use audit::AuditSettings;
pub use billing::{Billing, PauseCollection, PausedCollection, StripeSettings};
pub use cluster::{ClusterFaults, ClusterSettings};
pub use collections::CollectionSettings;
pub use database::Database;
pub use docs::DocsSettings;
pub use gateway::{GatewayRules, GatewaySettings, MethodPermissions, plain_path};
pub use identity::{Argon2Settings, AttemptLimitSettings, Identity, SessionSettings, SignUp};
pub use imported_keys::ImportedKeys;
pub use issuers::{IssuerSettings, OidcSettings, TrustEmail};
pub use keys::{KeyBody, Keys};
pub use leaks::{GithubScanning, Leaks};
pub use limits::PersonLimitSettings;
pub use load::{Sources, load};
pub use log::{Log, LogFormat};
pub use mail::{InvitationLimitSettings, MailSettings};
pub use metrics::MetricsSettings;
pub use permissions::PermissionSettings;
pub use plans::Plan;
pub use presets::{PRESETS, Preset};
pub use rate_limit::{RateLimitSettings, RateLimitStore, WhenUnavailable};
pub use secret::{Secret, SecretAndFormer, SecretForm};
pub use security_txt::SecurityTxt;
pub use server::{ForwardedHeader, Server};
pub use subscription::SubscriptionSettings;
pub use tls::Tls;
pub use traces::TracesSettings;
pub use usage::UsageSettings;

pub use duration::parse as parse_duration;
pub use origins::is_exact_origin;

use crate::base::error::style::ErrorSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The start of every service token, and of no API key.
pub const SERVICE_TOKEN_PREFIX: &str = "svc_";

/// The whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The preset, a layer below the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    pub server: Server,
    pub database: Database,
    pub cluster: ClusterSettings,
    pub keys: Keys,
    #[serde(default)]
    pub leaks: Leaks,
    pub gateway: GatewaySettings,
    pub errors: ErrorSettings,
    pub identity: Identity,
    pub limits: PersonLimitSettings,
    pub audit: AuditSettings,
    pub usage: UsageSettings,
    pub mail: MailSettings,
    pub subscription: SubscriptionSettings,
    pub billing: Billing,
    /// Plans by name; a new organization has `free`.
    pub plans: BTreeMap<String, Plan>,
    pub rate_limit: RateLimitSettings,
    /// The product's permissions by name.
    #[serde(default)]
    pub permissions: BTreeMap<String, PermissionSettings>,
    /// Collections by name.
    #[serde(default)]
    pub collections: BTreeMap<String, CollectionSettings>,
    pub log: Log,
    pub metrics: MetricsSettings,
    pub docs: DocsSettings,
    pub security_txt: SecurityTxt,
    pub traces: TracesSettings,
}

impl Config {
    /// The plan of an organization that has no other.
    pub const DEFAULT_PLAN: &'static str = "free";

    /// Returns the limits of a plan; those of `free` if the plan is no longer configured.
    pub fn plan(&self, name: &str) -> Plan {
        self.plans.get(name).or_else(|| self.plans.get(Self::DEFAULT_PLAN)).copied().unwrap_or(Plan::CLOSED)
    }

    /// Returns the plan's place among the plans; the least if the plan is not configured.
    pub fn rank(&self, name: &str) -> u32 {
        self.plans.get(name).and_then(|plan| plan.rank).unwrap_or_default()
    }

    /// Checks each section and the rules that span sections. An error names its key.
    fn check(&self) -> Result<(), String> {
        self.server.check()?;
        self.database.check()?;
        self.cluster.check(&self.server)?;
        self.keys.check()?;
        self.leaks.check()?;
        self.gateway.compile(&self.permission_catalog()?)?;
        self.identity.check()?;
        self.limits.check()?;
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
        self.security_txt.check()?;
        self.traces.check()?;
        Ok(())
    }
}
