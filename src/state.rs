//! [`State`]: what all handlers share.

use crate::api_keys::ApiKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::http::RouteTable;
use crate::identity::IdentityService;
use crate::mail::{Mailer, Outbox};
use crate::openapi;
use crate::service_tokens::ServiceTokens;
use crate::telemetry::Metrics;
use utoipa::openapi::OpenApi;

/// What all handlers share; one for each running application.
pub struct State {
    /// The configuration, checked.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub db: Db,
    /// Sign-in, and the verification of ID tokens.
    pub identity: IdentityService,
    /// Mails to people.
    pub mailer: Mailer,
    /// The verification of API keys.
    pub api_keys: ApiKeys,
    /// The verification of service tokens.
    pub service_tokens: ServiceTokens,
    /// The OpenAPI document of this configuration.
    pub document: OpenApi,
    /// Every route in it.
    pub routes: RouteTable,
    /// What Prometheus is told.
    pub metrics: Metrics,
}

impl State {
    /// The state over an open database, and the other end of its queue of mails.
    ///
    /// # Errors
    /// A text for the operator: `[mail]` can't be used.
    pub fn new(config: Config, clock: Clock, db: Db, identity: IdentityService) -> Result<(Self, Outbox), String> {
        let (mailer, outbox) = Mailer::new(&config)?;
        let (api_keys, service_tokens) = (ApiKeys::new(&config), ServiceTokens::default());
        let document = openapi::document(&config);
        let routes = RouteTable::new(&document);
        let metrics = Metrics::new(&config, &routes, clock.now(), &db, &identity);
        let state = Self { config, clock, db, identity, mailer, api_keys, service_tokens, document, routes, metrics };
        Ok((state, outbox))
    }
}
