//! Service tokens: credentials of gateways and other services. The operator creates them on the command line.
//!
//! They have the format of API keys with the prefix `svc_`, are shown once, and are stored as their SHA-256.

mod model;

pub use model::ServiceToken;

use crate::base::config::Config;
use crate::base::config::SERVICE_TOKEN_PREFIX;
use crate::base::error::{ApiError, Code};
use crate::base::ids::ServiceTokenId;
use crate::base::sql::Conn;
use crate::base::time::{Clock, Moment};
use crate::domain::access::{CallerProof, Confirm, Grant, Locks, Presented, Today};
use crate::domain::api_keys::{KeyFormat, LastUse, LastUsed, PresentedKey, Used};
use crate::infra::cluster::{Cache, CacheLookup, Cluster, SERVICE_TOKENS};
use crate::infra::db::Db;
use std::sync::Arc;

/// An authenticated service.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    pub id: ServiceTokenId,
}

impl ServiceCaller {
    /// Returns the proof of this caller.
    pub fn proof(&self) -> CallerProof {
        CallerProof::new(Arc::new(self.clone()), Presented::default())
    }
}

impl Confirm for ServiceCaller {
    fn lock(&self, _: &Grant, locks: &mut Locks) {
        locks.add("service_tokens", self.id, "SHARE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, _: &Grant, _: Today<'_>) -> Result<(), ApiError> {
        match ServiceToken::is_revoked(conn, self.id)? {
            Some(false) => Ok(()),
            Some(true) => Err(revoked()),
            None => Err(unknown()),
        }
    }
}

fn unknown() -> ApiError {
    ApiError::with_message(Code::InvalidApiKey, "The service token is not valid.")
}

fn revoked() -> ApiError {
    ApiError::with_message(Code::ApiKeyRevoked, "The service token has been revoked.")
}

/// The module's part of the shared state.
#[derive(Debug)]
pub struct ServiceTokens {
    format: KeyFormat,
    pub last_used: LastUsed<CachedServiceToken>,
    cache: Cache<CachedServiceToken>,
    db: Db,
    clock: Clock,
}

/// A service token as the cache stores it.
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

fn format() -> KeyFormat {
    KeyFormat::base62(SERVICE_TOKEN_PREFIX)
}

impl ServiceTokens {
    pub fn new(config: &Config, db: &Db, cluster: &Arc<Cluster>) -> Self {
        Self {
            format: format(),
            last_used: LastUsed::of_table("service_tokens"),
            cache: Cache::new(cluster, config.cluster.cached_keys),
            db: db.clone(),
            clock: cluster.clock().clone(),
        }
    }

    /// Returns a valid cached token. Notes no use; [`ServiceTokens::record_admitted`] does.
    pub fn lookup_cached(&self, token: PresentedKey<'_>, at: &Moment) -> Option<Arc<CachedServiceToken>> {
        if !self.format.recognizes(token) {
            return None;
        }
        self.cache.peek(&token.hash(), at.monotonic).filter(|known| !known.is_revoked)
    }

    /// Notes an admitted request with a token from [`ServiceTokens::lookup_cached`].
    pub fn record_admitted(&self, token: &Arc<CachedServiceToken>, at: &Moment) {
        self.cache.count_hit();
        self.last_used.note(token, at.now);
    }

    /// Verifies a token and returns its service. Costs the same as [`crate::domain::api_keys::ApiKeys::verify`].
    ///
    /// # Errors
    /// `invalid_api_key`, `api_key_revoked`; `unavailable` when the database can't be reached.
    pub async fn verify(&self, token: PresentedKey<'_>) -> Result<ServiceCaller, ApiError> {
        if !self.format.recognizes(token) {
            return Err(unknown());
        }
        let digest = token.hash();
        let known = match self.cache.get(&digest) {
            CacheLookup::Fresh(known) => known,
            CacheLookup::Unknown { before, .. } => {
                // Boxed, so that the future for a cached token stays small to move.
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
            return Err(revoked());
        }
        self.last_used.note(&known, self.clock.now());
        Ok(ServiceCaller { id: known.id })
    }
}
