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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::tokens::header::{KeyId, header_of, header_of_type};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::Algorithm;
    use serde_json::json;

    const ISSUER: &str = "https://keyward.example/v1/portal-sessions";

    /// What is read of good claims with some replaced.
    fn read(changes: Value) -> Result<OpenedSession, Code> {
        let now = Timestamp::from_millis(1_800_000_000_000).unwrap();
        let new = NewPortalSession {
            user: UserId::new(),
            organization: OrganizationId::new(),
            workspace: WorkspaceId::new(),
            token: ServiceTokenId::new(),
            permissions: Some(vec![Permission::KeysOwn]),
            origins: vec!["https://app.example.com".to_owned()],
            expires_at: now,
        };
        let mut claims = serde_json::to_value(Claims::new(ISSUER, new, now)).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let Value::Object(claims) = claims else { unreachable!("claims are an object") };
        Claims::read(claims, ISSUER, now).map_err(|error| error.code)
    }

    #[test]
    fn claims_of_another_kind_issuer_or_time_are_no_session() {
        let opened = read(json!({})).unwrap();
        assert!(opened.admits(b"https://app.example.com") && !opened.admits(b"https://app.example.com."));
        for bad in [
            json!({ "aud": "keyward" }),
            json!({ "aud": ["keyward:portal-sessions"] }),
            json!({ "iss": "https://keyward.example/keyward" }),
            json!({ "iat": 1_800_000_031 }),
            json!({ "exp": 1.5 }),
            json!({ "sub": "user" }),
            json!({ "wsp": null }),
            json!({ "svt": "svt_" }),
            json!({ "permissions": ["everything"] }),
            json!({ "origins": "https://app.example.com" }),
        ] {
            assert_eq!(read(bad.clone()).map(drop), Err(Code::InvalidPortalSession), "{bad}");
        }
    }

    #[test]
    fn neither_header_is_taken_for_the_other() {
        let header = |typ: &str| {
            let header = json!({ "alg": "RS256", "kid": "k", "typ": typ });
            format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header.to_string()))
        };
        let is_portal = |typ: Option<&str>| typ == Some(TYP);
        let allowed = [Algorithm::RS256];
        assert!(header_of(&header("JWT"), &allowed, KeyId::Required).is_ok());
        assert!(header_of_type(&header(TYP), &allowed, KeyId::Required, is_portal).is_ok());
        assert!(header_of(&header(TYP), &allowed, KeyId::Required).is_err());
        assert!(header_of_type(&header("JWT"), &allowed, KeyId::Required, is_portal).is_err());
        assert!(header_of_type(&header("Portal+JWT"), &allowed, KeyId::Required, is_portal).is_err());
    }
}
