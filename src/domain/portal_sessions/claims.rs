//! The claims of a portal session's token.

use super::PortalSession;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::policy::Permission;
use crate::base::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The `typ` of the token's header, which no ID token has.
pub(super) const TYP: &str = "portal+jwt";
/// The `aud` of the token.
const AUDIENCE: &str = "keyward:portal-sessions";
/// The tolerance for another node's clock that is ahead.
const LEEWAY_SECONDS: i64 = 30;

/// The longest life of a session, in seconds.
pub const MAX_SECONDS: u32 = 3600;
/// The most origins of one session.
pub const MAX_ORIGINS: usize = 20;

/// A session to make.
#[derive(Clone, Debug)]
pub struct NewPortalSession {
    pub user: UserId,
    pub organization: OrganizationId,
    pub workspace: WorkspaceId,
    /// The service token that makes it.
    pub token: ServiceTokenId,
    /// `None` for all that the member has.
    pub permissions: Option<Vec<Permission>>,
    /// Of the pages that may use it.
    pub origins: Vec<String>,
    pub expires_at: Timestamp,
}

/// A session whose signature was verified.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    pub(super) session: PortalSession,
    origins: Vec<String>,
}

impl OpenedSession {
    /// Whether pages of this origin may use the session.
    pub fn admits(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|own| own.as_bytes() == origin)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    sub: UserId,
    org: OrganizationId,
    wsp: WorkspaceId,
    svt: ServiceTokenId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<Permission>>,
    origins: Vec<String>,
}

impl Claims {
    pub(super) fn new(issuer: &str, new: NewPortalSession, now: Timestamp) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now.seconds(),
            exp: new.expires_at.seconds(),
            sub: new.user,
            org: new.organization,
            wsp: new.workspace,
            svt: new.token,
            permissions: new.permissions,
            origins: new.origins,
        }
    }

    /// Reads verified claims.
    pub(super) fn read(claims: Map<String, Value>, issuer: &str, now: Timestamp) -> Result<OpenedSession, ApiError> {
        let invalid = || ApiError::from(Code::InvalidPortalSession);
        let claims: Self = serde_json::from_value(Value::Object(claims)).map_err(|_| invalid())?;
        let is_ours = claims.iss == issuer && claims.aud == AUDIENCE;
        if !is_ours || claims.iat > now.seconds() + LEEWAY_SECONDS {
            return Err(invalid());
        }
        let Self { sub, org, wsp, svt, permissions, origins, exp, .. } = claims;
        Ok(OpenedSession { session: PortalSession::new((sub, org, wsp), svt, permissions, exp), origins })
    }
}
