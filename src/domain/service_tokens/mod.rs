//! Service tokens: credentials of gateways and of the operator's own backends. The operator creates them on the command
//! line, says what they may do ([`ServicePermissions`]), and may bind them to one organization.
//!
//! They have the format of API keys with the prefix `svc_`, are shown once, and are stored as their SHA-256.

mod actor;
mod model;

pub use actor::{ServiceActor, is_good_for};
pub use model::{NewServiceToken, ServiceToken, ServiceTokenChange};

use crate::base::config::Config;
use crate::base::config::SERVICE_TOKEN_PREFIX;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId};
use crate::base::policy::{ServicePermission, ServicePermissions};
use crate::base::time::{Clock, Moment, Timestamp};
use crate::domain::api_keys::{KeyFormat, LastUse, LastUsed, PresentedKey, Used};
use crate::infra::cluster::{Cache, CacheLookup, Cluster, SERVICE_TOKENS};
use crate::infra::db::Db;
use std::sync::Arc;

/// An authenticated service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    token: Arc<CachedServiceToken>,
    /// The SHA-256 of the value that was sent.
    hash: [u8; 32],
}

impl ServiceCaller {
    pub fn id(&self) -> ServiceTokenId {
        self.token.id
    }

    /// The only organization that the service sees; `None` for all.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.token.organization
    }

    /// When the value that was sent ends, if it does.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.token.value_ends_at
    }

    /// Checks that the service may do what a route asks for, on the whole installation.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_may(&self, permission: ServicePermission) -> Result<(), ApiError> {
        ensure_may(self.token.permissions, permission)
    }

    /// Checks that the service sees all organizations.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn ensure_unbound(&self) -> Result<(), ApiError> {
        match self.token.organization {
            None => Ok(()),
            Some(_) => Err(ApiError::with_message(
                Code::InsufficientPermission,
                "The service token is bound to one organization, and may not do this. Use one without --organization.",
            )),
        }
    }
}

fn ensure_may(permissions: ServicePermissions, permission: ServicePermission) -> Result<(), ApiError> {
    if permissions.may(permission) {
        return Ok(());
    }
    Err(ApiError::with_message(
        Code::InsufficientPermission,
        format!("The service token may not do this: it takes {permission}. The operator gives it (--can)."),
    ))
}

fn unknown() -> ApiError {
    ApiError::with_message(Code::InvalidApiKey, "The service token is not valid.")
}

fn revoked() -> ApiError {
    ApiError::with_message(Code::ApiKeyRevoked, "The service token has been revoked.")
}

fn expired() -> ApiError {
    ApiError::with_message(Code::ApiKeyExpired, "The service token has expired. The operator makes a new one.")
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

/// A value of a service token as the cache stores it.
#[derive(Debug)]
pub struct CachedServiceToken {
    id: ServiceTokenId,
    permissions: ServicePermissions,
    organization: Option<OrganizationId>,
    is_revoked: bool,
    expires_at: Option<Timestamp>,
    /// When this value stops: with the token, or at the end of a roll's overlap.
    value_ends_at: Option<Timestamp>,
    last_use: LastUse,
}

impl CachedServiceToken {
    fn new(token: &ServiceToken, hash: &[u8]) -> Self {
        Self {
            id: token.id,
            permissions: token.permissions(),
            organization: token.organization_id,
            is_revoked: token.revoked_at.is_some(),
            expires_at: token.expires_at,
            value_ends_at: token.value_ends_at(hash),
            last_use: LastUse::default(),
        }
    }

    fn ensure_good(&self, now: Timestamp) -> Result<(), ApiError> {
        let has_ended = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if self.is_revoked {
            Err(revoked())
        } else if has_ended(self.expires_at) {
            Err(expired())
        } else if has_ended(self.value_ends_at) {
            Err(unknown())
        } else {
            Ok(())
        }
    }
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

    /// Returns a valid cached token that may verify every key. Notes no use; [`ServiceTokens::record_admitted`] does.
    pub fn lookup_cached(&self, token: PresentedKey<'_>, at: &Moment) -> Option<Arc<CachedServiceToken>> {
        if !self.format.recognizes(token) {
            return None;
        }
        let known = self.cache.peek(&token.hash(), at.monotonic)?;
        let may_verify = known.organization.is_none() && known.permissions.may(ServicePermission::KeysVerify);
        (may_verify && known.ensure_good(at.now).is_ok()).then_some(known)
    }

    /// Notes an admitted request with a token from [`ServiceTokens::lookup_cached`].
    pub fn record_admitted(&self, token: &Arc<CachedServiceToken>, at: &Moment) {
        self.cache.count_hit();
        self.last_used.note(token, at.now);
    }

    /// Verifies a token and returns its service. Costs the same as [`crate::domain::api_keys::ApiKeys::verify`].
    ///
    /// # Errors
    /// `invalid_api_key`, `api_key_revoked`, `api_key_expired`; `unavailable` when the database can't be reached.
    pub async fn verify(&self, token: PresentedKey<'_>) -> Result<ServiceCaller, ApiError> {
        if !self.format.recognizes(token) {
            return Err(unknown());
        }
        let hash = token.hash();
        let known = match self.cache.get(&hash) {
            CacheLookup::Fresh(known) => known,
            CacheLookup::Unknown { before, .. } => {
                // Boxed, so that the future for a cached token stays small to move.
                let found =
                    Box::pin(self.db.for_all_tenants().read(move |conn| ServiceToken::of_hash(conn, &hash))).await?;
                let known = Arc::new(CachedServiceToken::new(&found.ok_or_else(unknown)?, &hash));
                self.cache.enter(hash, SERVICE_TOKENS, before, known.clone());
                known
            }
        };
        let now = self.clock.now();
        known.ensure_good(now)?;
        self.last_used.note(&known, now);
        Ok(ServiceCaller { token: known, hash })
    }
}
