//! [`State`]: the services that all handlers share.

use crate::base::config::{Config, GatewayRules};
use crate::base::ids::OrganizationId;
use crate::base::policy::PermissionCatalog;
use crate::base::time::Clock;
use crate::domain::access::{CallerProof, Guard};
use crate::domain::api_keys::{ApiKeys, KeyRules};
use crate::domain::billing::Webhooks;
use crate::domain::changes::{Reader, ScopedStore, Store};
use crate::domain::collections::Collections;
use crate::domain::identity::{IdentityService, SignInEventWriter, SignInEvents};
use crate::domain::invitations::InvitationMails;
use crate::domain::leaks::GithubKeys;
use crate::domain::person_limits::PersonLimits;
use crate::domain::portal_sessions::PortalSessions;
use crate::domain::service_tokens::ServiceTokens;
use crate::infra::cluster::Cluster;
use crate::infra::db::Db;
use crate::infra::http::RouteTable;
use crate::infra::mail::{Mailer, Outbox};
use crate::infra::process::Drain;
use crate::infra::rate_limit::RateLimits;
use crate::infra::telemetry::Metrics;
use actix_web::web;
use std::sync::Arc;

/// The services that all handlers share. Each running application has one.
pub struct State {
    pub config: Config,
    /// All permissions of the configuration.
    pub catalog: Arc<PermissionCatalog>,
    /// What requests need at forward-auth.
    pub gateway: GatewayRules,
    pub clock: Clock,
    /// Private, so that no handler opens a writing transaction that skips the caller's authority.
    store: Store,
    /// This process among those on the same database.
    pub cluster: Arc<Cluster>,
    pub identity: IdentityService,
    pub mailer: Mailer,
    pub invitation_mails: InvitationMails,
    pub api_keys: ApiKeys,
    /// The public keys of GitHub's secret scanning, if `leaks.github` is configured.
    pub github_keys: Option<GithubKeys>,
    /// Counts of the payment provider's events.
    pub webhooks: Webhooks,
    pub rate_limits: RateLimits,
    pub person_limits: PersonLimits,
    pub service_tokens: ServiceTokens,
    pub portal_sessions: PortalSessions,
    pub collections: Collections,
    pub routes: web::Data<RouteTable>,
    pub metrics: Metrics,
    /// Whether this node is about to stop.
    pub drain: Drain,
}

impl State {
    /// Builds the state over an open database, and its background tasks.
    ///
    /// # Errors
    /// A text for the operator: a section of the configuration, the master secret or the database can't be used.
    pub async fn start(
        config: Config,
        clock: Clock,
        db: Db,
        catalog: Arc<PermissionCatalog>,
        collections: Collections,
        routes: RouteTable,
    ) -> Result<(Self, Background), String> {
        let (mailer, outbox) = Mailer::new(&config)?;
        let cluster = Cluster::new(&config, &clock);
        let store = Store::new(db.clone(), Arc::clone(&cluster), Arc::clone(&catalog));
        let (sign_in_events, sign_in_event_writer) = SignInEvents::new(&store);
        let identity = IdentityService::start(&config, &clock, &store, &mailer, &sign_in_events).await?;
        let rate_limits = RateLimits::new(&config, clock.clone())?;
        let api_keys = ApiKeys::new(&config, &catalog, &db, &cluster);
        let metrics = Metrics::new(&config, &routes, clock.now());
        db.register_metrics(&metrics);
        identity.register_metrics(&metrics);
        cluster.register_metrics(&metrics);
        api_keys.cache.register_metrics(&metrics, ["cache_lookups", "cache_entries"]);
        api_keys.usage.register_metrics(&metrics);
        rate_limits.register_metrics(&metrics);
        let webhooks = Webhooks::default();
        if config.billing.stripe.is_some() {
            webhooks.register_metrics(&metrics);
        }
        let state = Self {
            invitation_mails: InvitationMails::new(&config, &mailer),
            person_limits: PersonLimits::new(&config),
            service_tokens: ServiceTokens::new(&config, &db, &cluster),
            portal_sessions: PortalSessions::new(&config, &store, &clock),
            github_keys: config.leaks.github.as_ref().map(GithubKeys::new),
            gateway: config.gateway.compile(&catalog)?,
            config,
            catalog,
            clock,
            store: store.clone(),
            cluster,
            identity,
            mailer,
            api_keys,
            webhooks,
            rate_limits,
            collections,
            routes: web::Data::new(routes),
            metrics,
            drain: Drain::default(),
        };
        Ok((state, Background { outbox, sign_in_event_writer, db, store }))
    }

    /// Returns what changes of keys are held against.
    pub fn key_rules(&self) -> KeyRules<'_> {
        KeyRules { config: &self.config, format: &self.api_keys.format }
    }

    /// Calls [`Store::scoped_to`].
    #[must_use]
    pub fn scoped_to(&self, guard: &impl Guard) -> ScopedStore {
        self.store.scoped_to(guard)
    }

    /// [`Store::for_caller`]
    #[must_use]
    pub fn for_caller(&self, caller: CallerProof) -> ScopedStore {
        self.store.for_caller(caller)
    }

    /// [`Store::reader_of`]
    #[must_use]
    pub fn reader_of(&self, organization: OrganizationId) -> Reader {
        self.store.reader_of(organization)
    }

    /// [`Store::reader`]
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.store.reader()
    }
}

/// Background tasks of the server.
pub struct Background {
    /// Sends queued mails.
    pub outbox: Outbox,
    /// Writes sign-ins into the audit trail.
    pub sign_in_event_writer: SignInEventWriter,
    /// The database, for background tasks.
    pub db: Db,
    /// The database of the operator.
    pub store: Store,
}
