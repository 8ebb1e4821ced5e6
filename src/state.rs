//! [`State`]: what all handlers share.

use crate::api_keys::ApiKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::identity::IdentityService;
use crate::mail::Mailer;

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
}
