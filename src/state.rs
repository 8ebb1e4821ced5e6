//! [`State`]: what all handlers share.

use crate::access::Guard;
use crate::api_keys::ApiKeys;
use crate::audit::FailedSignIns;
use crate::billing::Webhooks;
use crate::clock::Clock;
use crate::cluster::{Cluster, Touched};
use crate::collections::{self, Collections};
use crate::config::Config;
use crate::db::{Conn, Db, ScopedDb};
use crate::error::ApiError;
use crate::http::RouteTable;
use crate::identity::IdentityService;
use crate::invitations::InvitationMails;
use crate::leaks::GithubKeys;
use crate::mail::{Mailer, Outbox};
use crate::openapi;
use crate::rate_limit::RateLimits;
use crate::service_tokens::ServiceTokens;
use crate::telemetry::{Metrics, RequestContext};
use actix_web::web::Bytes;
use std::sync::Arc;

/// What all handlers share; one for each running application.
pub struct State {
    /// The configuration, checked.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub db: Db,
    /// This process among those on the same database.
    pub cluster: Arc<Cluster>,
    /// Sign-in, and the verification of ID tokens.
    pub identity: IdentityService,
    /// Failed sign-ins on their way into the audit trail.
    pub failed_sign_ins: FailedSignIns,
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
    /// The OpenAPI document of this configuration, as JSON.
    pub document: Bytes,
    /// The same in OpenAPI 3.0.
    pub document_3_0: Bytes,
    /// Every route in it.
    pub routes: RouteTable,
    /// What Prometheus is told.
    pub metrics: Metrics,
}

impl State {
    /// The database as the organization sees it that a guard let the request into.
    #[must_use]
    pub fn of(&self, guard: &impl Guard) -> Scoped {
        let organization = guard.organization_id();
        debug_assert!(
            RequestContext::current_id().is_none() || RequestContext::organization() == Some(organization),
            "a guard must tell the request's context which organization it lets it into"
        );
        Scoped { db: self.db.of(organization), cluster: Arc::clone(&self.cluster) }
    }

    /// The database without the second wall between tenants: for requests that no guard let into one organization, such
    /// as a sign-in or a person's list of organizations, and for work in the background.
    #[must_use]
    pub fn across_tenants(&self) -> Scoped {
        Scoped { db: self.db.across_tenants(), cluster: Arc::clone(&self.cluster) }
    }

    /// The state over an open database, and the other end of its queue of mails.
    ///
    /// # Errors
    /// A text for the operator: `[mail]` or `[rate_limit]` can't be used.
    pub fn new(config: Config, clock: Clock, db: Db, identity: IdentityService) -> Result<(Self, Outbox), String> {
        let (mailer, outbox) = Mailer::new(&config)?;
        let invitation_mails = InvitationMails::new(&config);
        let rate_limits = RateLimits::new(&config, clock.clone())?;
        let cluster = Cluster::new(&config, &clock);
        let api_keys = ApiKeys::new(&config, &cluster);
        let service_tokens = ServiceTokens::new(&config, &cluster);
        let collections = Collections::of(&config)?;
        let document = openapi::document(&config, &collections);
        let routes = RouteTable::new(&document);
        let texts = openapi::Texts::new(&document, &collections::schemas(&collections))?;
        let metrics = Metrics::new(&config, &routes, clock.now(), &db, &identity);
        cluster.register_metrics(&metrics);
        api_keys.cache.register_metrics(&metrics, ["cache_lookups", "cache_entries"]);
        api_keys.usage.register_metrics(&metrics);
        rate_limits.register_metrics(&metrics);
        let github_keys = config.leaks.github.as_ref().map(GithubKeys::new);
        let webhooks = Webhooks::default();
        if config.billing.stripe.is_some() {
            webhooks.register_metrics(&metrics);
        }
        let state = Self {
            config,
            clock,
            db,
            cluster,
            identity,
            failed_sign_ins: FailedSignIns::default(),
            mailer,
            invitation_mails,
            api_keys,
            github_keys,
            webhooks,
            rate_limits,
            service_tokens,
            collections,
            document: texts.v3_1.into(),
            document_3_0: texts.v3_0.into(),
            routes,
            metrics,
        };
        Ok((state, outbox))
    }
}

/// The database, for the rows of one scope. Cost: two counts of references, and its queries'.
#[derive(Clone)]
pub struct Scoped {
    db: ScopedDb,
    cluster: Arc<Cluster>,
}

impl Scoped {
    /// Runs queries.
    ///
    /// # Errors
    /// As [`ScopedDb::read`].
    pub async fn read<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.db.read(body).await
    }

    /// Runs a transaction that changes nobody's access.
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub async fn write<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.db.write(body).await
    }

    /// Runs a transaction that changes what somebody may do, and returns when no node honours the old access any more.
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub async fn change_access<T, F>(self, body: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut Conn, &mut Touched) -> Result<T, ApiError> + Send + 'static,
        T: Send + 'static,
    {
        self.cluster.change(self.db, body).await
    }
}
