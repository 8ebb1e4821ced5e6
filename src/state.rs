//! [`State`]: what all handlers share.

use crate::api_keys::ApiKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::identity::IdentityService;
use crate::mail::{Mailer, Outbox};
use crate::rate_limit::RateLimits;
use crate::service_tokens::ServiceTokens;

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
    /// What is used of the plans' limits.
    pub rate_limits: RateLimits,
    /// The verification of service tokens.
    pub service_tokens: ServiceTokens,
}

impl State {
    /// The state over an open database, and the other end of its queue of mails.
    ///
    /// # Errors
    /// A text for the operator: `[mail]` or `[rate_limit]` can't be used.
    pub fn new(config: Config, clock: Clock, db: Db, identity: IdentityService) -> Result<(Self, Outbox), String> {
        let (mailer, outbox) = Mailer::new(&config)?;
        let rate_limits = RateLimits::new(&config, clock.clone())?;
        let (api_keys, service_tokens) = (ApiKeys::new(&config), ServiceTokens::default());
        Ok((Self { config, clock, db, identity, mailer, api_keys, rate_limits, service_tokens }, outbox))
    }
}
