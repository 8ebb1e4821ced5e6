//! Portal sessions: a service lets the browser of a member work on the API keys of one workspace, for an hour at most.
//!
//! The session is a signed token that no row stands for: [`Signer`] makes it, [`PortalSessions::open`]
//! reads it. It has the signing keys of ID tokens, another `typ`, another issuer and another audience, and each verifier
//! demands its own: neither passes as the other. Each request, and each transaction that writes, reads the member's roles
//! and the service token again ([`PortalSession`]).

mod claims;
mod session;

pub use claims::{MAX_ORIGINS, MAX_SECONDS, NewPortalSession, OpenedSession};
pub use session::PortalSession;

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::time::{Clock, Timestamp};
use crate::domain::access::Today;
use crate::domain::changes::Store;
use crate::domain::identity::tokens::header::{KeyId, header_of_type};
use crate::domain::identity::tokens::token;
use crate::domain::identity::{IdentityService, KeyRing};
use claims::{Claims, TYP};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};

/// Makes and reads portal sessions.
pub struct PortalSessions {
    /// The `iss` of their tokens.
    issuer: String,
    store: Store,
    clock: Clock,
}

impl PortalSessions {
    pub fn new(config: &Config, store: &Store, clock: &Clock) -> Self {
        let issuer = format!("{}{}/portal-sessions", config.server.public_url, config.server.base_path);
        Self { issuer, store: store.clone(), clock: clock.clone() }
    }

    /// True for a token that says that it is one.
    pub fn recognizes(token: &str) -> bool {
        jsonwebtoken::decode_header(token).is_ok_and(|header| header.typ.as_deref() == Some(TYP))
    }

    /// Returns what signs sessions, with the newest key. It reads rows of no tenant, so call it before the request is let
    /// into an organization.
    ///
    /// # Errors
    /// `unavailable` when the signing keys can't be read.
    pub async fn signer<'s>(&'s self, identity: &'s IdentityService) -> Result<Signer<'s>, ApiError> {
        let keys = identity.signing_keys().await?;
        keys.keep_fresh().await;
        Ok(Signer { keys, issuer: &self.issuer })
    }

    /// Checks signature, issuer and audience. The session may have expired.
    ///
    /// # Errors
    /// `invalid_portal_session`; `unavailable` when the signing keys can't be read.
    pub async fn open(&self, identity: &IdentityService, token: &SecretString) -> Result<OpenedSession, ApiError> {
        let token = token.expose_secret();
        let invalid = |_| ApiError::from(Code::InvalidPortalSession);
        let header =
            header_of_type(token, &[Algorithm::RS256], KeyId::Required, |typ| typ == Some(TYP)).map_err(invalid)?;
        let key =
            identity.signing_keys().await?.find(&header.key_id.unwrap_or_default()).await.map_err(
                |error| match error.code {
                    Code::InvalidIdToken => Code::InvalidPortalSession.into(),
                    _ => error,
                },
            )?;
        let claims = token::open_map(token, &key, header.algorithm).map_err(invalid)?;
        Claims::read(claims, &self.issuer, self.clock.now())
    }

    /// Admits an opened session: it has not expired, its member has a role in the workspace now, and its service token may
    /// still write keys there.
    ///
    /// # Errors
    /// `portal_session_expired`, `invalid_portal_session`
    pub async fn admit(&self, opened: OpenedSession) -> Result<PortalSession, ApiError> {
        let (session, now, catalog) = (opened.session, self.clock.now(), self.store.catalog());
        self.store
            .reader_of(session.organization_id())
            .read(move |conn| session.standing(conn, Today { now, catalog: &catalog }).map(|_| session))
            .await
    }
}

/// Signs portal sessions.
pub struct Signer<'s> {
    keys: &'s KeyRing,
    issuer: &'s str,
}

impl Signer<'_> {
    /// Signs a new session.
    ///
    /// # Errors
    /// `internal`
    pub fn sign(&self, new: NewPortalSession, now: Timestamp) -> Result<SecretString, ApiError> {
        self.keys.sign_as(TYP, &Claims::new(self.issuer, new, now))
    }
}
