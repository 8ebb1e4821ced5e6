//! [`State`]: what all handlers share.

use crate::base::config::Config;
use crate::base::time::Clock;
use crate::domain::access::Guard;
use crate::domain::api_keys::ApiKeys;
use crate::domain::billing::Webhooks;
use crate::domain::changes::{ScopedStore, Store};
use crate::domain::collections::Collections;
use crate::domain::identity::{FailedSignInWriter, FailedSignIns, IdentityService};
use crate::domain::invitations::InvitationMails;
use crate::domain::leaks::GithubKeys;
use crate::domain::service_tokens::ServiceTokens;
use crate::infra::cluster::Cluster;
use crate::infra::db::Db;
use crate::infra::http::RouteTable;
use crate::infra::mail::{Mailer, Outbox};
use crate::infra::rate_limit::RateLimits;
use crate::infra::telemetry::Metrics;
use actix_web::web;
use std::sync::Arc;

/// What all handlers share; one for each running application.
pub struct State {
    /// The configuration, checked.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub db: Db,
    /// The database, scoped by guards.
    pub store: Store,
    /// This process among those on the same database.
    pub cluster: Arc<Cluster>,
    /// Sign-in, and the verification of ID tokens.
    pub identity: IdentityService,
    /// Mails to people.
    pub mailer: Mailer,
    /// Mails to people who are invited.
    pub invitation_mails: InvitationMails,
    /// The verification of API keys.
    pub api_keys: ApiKeys,
    /// What GitHub's secret scanning signs with, where it is heard.
    pub github_keys: Option<GithubKeys>,
    /// What became of the payment provider's events.
    pub webhooks: Webhooks,
    /// What is used of the plans' limits.
    pub rate_limits: RateLimits,
    /// The verification of service tokens.
    pub service_tokens: ServiceTokens,
    /// The resources that tenants keep here.
    pub collections: Collections,
    /// Every route in it.
    pub routes: web::Data<RouteTable>,
    /// What Prometheus is told.
    pub metrics: Metrics,
}

impl State {
    /// The state over an open database, and what runs beside it.
    ///
    /// # Errors
    /// A text for the operator: a section of the configuration, the master secret or the database can't be used.
    pub async fn start(
        config: Config,
        clock: Clock,
        db: Db,
        collections: Collections,
        routes: RouteTable,
    ) -> Result<(Self, Background), String> {
        let (mailer, outbox) = Mailer::new(&config)?;
        let cluster = Cluster::new(&config, &clock);
        let store = Store::new(db.clone(), Arc::clone(&cluster));
        let (failed_sign_ins, failed_sign_in_writer) = FailedSignIns::new(&store);
        let identity = IdentityService::start(&config, &clock, &store, &mailer, &failed_sign_ins).await?;
        let rate_limits = RateLimits::new(&config, clock.clone())?;
        let api_keys = ApiKeys::new(&config, &db, &cluster);
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
            service_tokens: ServiceTokens::new(&config, &db, &cluster),
            github_keys: config.leaks.github.as_ref().map(GithubKeys::new),
            config,
            clock,
            db,
            store,
            cluster,
            identity,
            mailer,
            api_keys,
            webhooks,
            rate_limits,
            collections,
            routes: web::Data::new(routes),
            metrics,
        };
        Ok((state, Background { outbox, failed_sign_in_writer }))
    }

    /// [`Store::scoped_to`]
    #[must_use]
    pub fn scoped_to(&self, guard: &impl Guard) -> ScopedStore {
        self.store.scoped_to(guard)
    }

    /// [`Store::for_all_tenants`]
    #[must_use]
    pub fn for_all_tenants(&self) -> ScopedStore {
        self.store.for_all_tenants()
    }
}

/// What runs beside the server.
pub struct Background {
    /// Sends the queue of mails.
    pub outbox: Outbox,
    /// Writes failed sign-ins into the audit trail.
    pub failed_sign_in_writer: FailedSignInWriter,
}
