//! Service tokens: how a gateway or another service proves itself. The operator makes them on the command line.
//!
//! They look like API keys with the prefix `svc_`, are shown once, and are kept as their SHA-256.

mod model;

pub use model::ServiceToken;

use crate::base::config::Config;
use crate::base::config::SERVICE_TOKEN_PREFIX;
use crate::base::error::{ApiError, Code};
use crate::base::ids::ServiceTokenId;
use crate::base::time::Clock;
use crate::base::time::Moment;
use crate::domain::api_keys::{KeyFormat, LastUse, LastUsed, PresentedKey, Used};
use crate::infra::cluster::{Cache, CacheLookup, Cluster, SERVICE_TOKENS};
use crate::infra::db::Db;
use std::sync::Arc;

/// What every service token starts with; no API key may.

/// A service, as the caller of a request.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    /// The token's record.
    pub id: ServiceTokenId,
}

/// The room's share of the state.
#[derive(Debug)]
pub struct ServiceTokens {
    format: KeyFormat,
    /// Uses not yet written.
    pub last_used: LastUsed<CachedServiceToken>,
    cache: Cache<CachedServiceToken>,
    db: Db,
    clock: Clock,
}

/// What a request needs to know of a token.
#[derive(Debug)]
pub struct CachedServiceToken {
    id: ServiceTokenId,
    is_revoked: bool,
    last_use: LastUse,
}

impl Used for CachedServiceToken {
    type Id = ServiceTokenId;

    fn id(&self) -> ServiceTokenId {
        self.id
    }

    fn last_use(&self) -> &LastUse {
        &self.last_use
    }
}

/// How tokens look.
fn format() -> KeyFormat {
    KeyFormat::base62(SERVICE_TOKEN_PREFIX)
}

impl ServiceTokens {
    /// With nothing in memory.
    pub fn new(config: &Config, db: &Db, cluster: &Arc<Cluster>) -> Self {
        Self {
            format: format(),
            last_used: LastUsed::of_table("service_tokens"),
            cache: Cache::new(cluster, config.cluster.cached_keys),
            db: db.clone(),
            clock: cluster.clock().clone(),
        }
    }

    /// The token, if it is in memory and good. Nothing is noted before [`ServiceTokens::record_admitted`].
    pub fn lookup_cached(&self, token: PresentedKey<'_>, at: &Moment) -> Option<Arc<CachedServiceToken>> {
        if !self.format.recognizes(token) {
            return None;
        }
        self.cache.peek(&token.hash(), at.monotonic).filter(|known| !known.is_revoked)
    }

    /// Notes a request with a token from [`ServiceTokens::lookup_cached`] that was let through.
    pub fn record_admitted(&self, token: &Arc<CachedServiceToken>, at: &Moment) {
        self.cache.count_hit();
        self.last_used.note(token, at.now);
    }

    /// Which service is behind a token. Costs what [`crate::domain::api_keys::ApiKeys::verify`] costs.
    ///
    /// # Errors
    /// `invalid_api_key`, `api_key_revoked`; `unavailable` when the database can't be asked.
    pub async fn verify(&self, token: PresentedKey<'_>) -> Result<ServiceCaller, ApiError> {
        let unknown = || ApiError::with_message(Code::InvalidApiKey, "The service token is not valid.");
        if !self.format.recognizes(token) {
            return Err(unknown());
        }
        let digest = token.hash();
        let known = match self.cache.get(&digest) {
            CacheLookup::Fresh(known) => known,
            CacheLookup::Unknown { before, .. } => {
                // In a box, so that the future of a token in the cache is small to move.
                let found =
                    Box::pin(self.db.for_all_tenants().read(move |conn| ServiceToken::of_hash(conn, &digest))).await?;
                let ServiceToken { id, revoked_at, .. } = found.ok_or_else(unknown)?;
                let known =
                    Arc::new(CachedServiceToken { id, is_revoked: revoked_at.is_some(), last_use: LastUse::default() });
                self.cache.enter(digest, SERVICE_TOKENS, before, known.clone());
                known
            }
        };
        if known.is_revoked {
            return Err(ApiError::with_message(Code::ApiKeyRevoked, "The service token has been revoked."));
        }
        self.last_used.note(&known, self.clock.now());
        Ok(ServiceCaller { id: known.id })
    }
}
