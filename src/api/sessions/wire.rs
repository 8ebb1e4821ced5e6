//! Sessions over HTTP.

use super::device::device_of;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::domain::identity::Session;
use serde::Serialize;

/// A sign-in at the built-in identity provider.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    id: SessionId,
    /// Browser and system that the client claims to be; null if it claims nothing.
    #[schema(required, example = "Firefox on Windows")]
    device: Option<String>,
    /// The client's `User-Agent` at the last use.
    #[schema(required, example = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0")]
    user_agent: Option<String>,
    /// The client's address at the last use.
    #[schema(required, example = "203.0.113.7")]
    address: Option<String>,
    created_at: Timestamp,
    /// When its tokens were last refreshed. A client in use does so about once an hour.
    last_used_at: Timestamp,
    /// When it ends, unless it is used before.
    expires_at: Timestamp,
    /// Whether this request belongs to it.
    current: bool,
}

impl SessionView {
    pub(super) fn new(session: Session, expires_at: Timestamp, current: Option<SessionId>) -> Self {
        let Session { id, user_agent, address, created_at, last_used_at, .. } = session;
        let device = user_agent.as_deref().and_then(device_of);
        Self { id, device, user_agent, address, created_at, last_used_at, expires_at, current: current == Some(id) }
    }
}

/// Ended sessions.
#[derive(Serialize, utoipa::ToSchema)]
pub struct EndedSessions {
    /// How many they are.
    #[schema(example = 2)]
    pub(super) ended: usize,
}
