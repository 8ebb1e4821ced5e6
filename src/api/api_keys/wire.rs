//! Keys over HTTP.

use crate::api::State;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, UserId, WorkspaceId};
use crate::base::input::validation::{Name, present};
use crate::base::policy::{CreatorRole, PermissionNames, RoleName, Scope};
use crate::base::time::Timestamp;
use crate::domain::access::Reach;
use crate::domain::api_keys::manage::giving::SetFields;
use crate::domain::api_keys::manage::lifecycle::KeyChange;
use crate::domain::api_keys::model::KeyWithCreator;
use crate::domain::api_keys::{
    AllowedIps, ApiKey, Comment, Heir, KeyStatus, PlaintextKey, Reason, ReasonKind, TransferMode,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest overlap of a roll: 30 days.
const MAX_OVERLAP_SECONDS: u32 = 30 * 86_400;

/// A key, without its value.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyView {
    id: KeyId,
    #[schema(required, example = "Production")]
    name: Option<String>,
    /// What may be shown of its value.
    #[schema(example = "sk_live_abc...xyz")]
    preview: String,
    scope: Scope,
    /// The role it has now: its creator's of this moment. Null when it is orphaned.
    #[schema(required)]
    role: Option<RoleName>,
    /// The most that it inherits from its creator, also when the creator's role rises; null for no limit. Transfers before
    /// keys had `permissions` set it.
    #[schema(required)]
    role_limit: Option<CreatorRole>,
    /// The most that it may do, by name, within what its owner has now. Null for all that its owner has. A transfer that
    /// keeps the value sets it.
    #[schema(required)]
    permissions: Option<PermissionNames>,
    status: KeyStatus,
    /// Whose role it inherits.
    created_by: UserId,
    created_at: Timestamp,
    #[schema(required)]
    expires_at: Option<Timestamp>,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    allowed_ips: AllowedIps,
    workspace_id: WorkspaceId,
    /// Until when a value from before a roll works.
    #[schema(required)]
    overlap_ends_at: Option<Timestamp>,
    /// Why it was disabled or revoked, if that was said.
    #[schema(required)]
    reason: Option<ReasonKind>,
    #[schema(required, example = "Seen in a screenshot")]
    comment: Option<String>,
}

impl ApiKeyView {
    /// Status, role and last use are those of this moment.
    pub fn new(state: &State, (key, creator): KeyWithCreator) -> Self {
        let now = state.clock.now();
        Self {
            role: key.inherited_role(creator, &state.catalog),
            status: key.status(creator, now),
            last_used_at: state.api_keys.last_used.latest(key.id, key.last_used_at),
            overlap_ends_at: key.overlap_ends_at.filter(|end| *end > now),
            id: key.id,
            name: key.name,
            preview: key.preview,
            scope: key.scope,
            role_limit: key.role_limit,
            permissions: key.permissions,
            created_by: key.creator_id,
            created_at: key.created_at,
            expires_at: key.expires_at,
            allowed_ips: key.allowed_ips,
            workspace_id: key.workspace_id,
            reason: key.reason,
            comment: key.comment,
        }
    }
}

/// A key with its value: answered once, when the value is made. A replay lacks it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ApiKeyWithPlaintext {
    #[serde(flatten)]
    key: ApiKeyView,
    /// The value. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX")]
    plaintext: Option<String>,
}

impl ApiKeyWithPlaintext {
    /// The only response that contains a key's value.
    pub fn new(key: ApiKeyView, plaintext: Option<&PlaintextKey>) -> Self {
        Self { key, plaintext: plaintext.map(|plaintext| plaintext.expose().to_owned()) }
    }
}

/// A key to make.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Production" }))]
pub struct CreateKey {
    /// Also taken as `label`.
    #[serde(alias = "label")]
    name: Option<Name>,
    pub(super) scope: Option<Scope>,
    /// The most that it may do; all that you have if left out.
    permissions: Option<PermissionNames>,
    pub(super) expires_at: Option<Timestamp>,
    #[serde(default)]
    allowed_ips: Option<AllowedIps>,
}

impl CreateKey {
    /// Returns the key with the client's settings but the scope, which the handler checks. Permissions, an end and
    /// addresses that are left out are those of the API key that makes it.
    pub(super) fn of(self, key: ApiKey, maker: &Reach) -> (ApiKey, SetFields) {
        let set = SetFields {
            scope: self.scope.is_some(),
            permissions: self.permissions.is_some(),
            expires_at: self.expires_at.is_some(),
            allowed_ips: self.allowed_ips.is_some(),
        };
        let new = ApiKey {
            name: self.name.map(Name::into_string),
            expires_at: self.expires_at.or(maker.ends_at),
            allowed_ips: self.allowed_ips.unwrap_or_else(|| AllowedIps::of(&maker.addresses)),
            role_limit: maker.limits.role,
            permissions: self.permissions.or_else(|| maker.limits.permissions.clone()),
            ..key
        };
        (new, set)
    }
}

/// What to change; what is left out stays, null clears.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Production" }))]
pub struct ChangeKey {
    /// Also taken as `label`.
    #[serde(default, deserialize_with = "present", alias = "label")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<Name>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<AllowedIps>)]
    allowed_ips: Option<Option<AllowedIps>>,
    /// Null for all that its owner has.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PermissionNames>)]
    permissions: Option<Option<PermissionNames>>,
}

impl ChangeKey {
    /// Validates the change.
    ///
    /// # Errors
    /// `validation_failed` for an expiry in the past.
    pub fn checked(self, now: Timestamp) -> Result<KeyChange, ApiError> {
        ensure_future(self.expires_at.flatten(), now)?;
        Ok(KeyChange {
            name: self.name.map(|name| name.map(Name::into_string)),
            expires_at: self.expires_at,
            allowed_ips: self.allowed_ips.map(Option::unwrap_or_default),
            permissions: self.permissions,
        })
    }
}

/// Refuses an expiry in the past.
pub(super) fn ensure_future(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), ApiError> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::invalid("expiresAt", "must be in the future"));
    }
    Ok(())
}

/// How to roll.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollKey {
    /// How long the old value works on; at once it stops if left out.
    #[schema(minimum = 0, maximum = 2_592_000, example = 3600)]
    overlap_seconds: Option<u32>,
}

impl RollKey {
    /// Validates the overlap.
    ///
    /// # Errors
    /// `validation_failed` for an overlap above 30 days.
    pub fn overlap(&self) -> Result<Duration, ApiError> {
        let seconds = self.overlap_seconds.unwrap_or(0);
        if seconds > MAX_OVERLAP_SECONDS {
            return Err(ApiError::invalid("overlapSeconds", format!("must be at most {MAX_OVERLAP_SECONDS}")));
        }
        Ok(Duration::from_secs(u64::from(seconds)))
    }
}

/// Why a key is stopped. Both may be left out.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopKey {
    reason: Option<ReasonKind>,
    comment: Option<Comment>,
}

impl From<StopKey> for Reason {
    fn from(StopKey { reason, comment }: StopKey) -> Self {
        Self { kind: reason, comment }
    }
}

/// Why a key is deleted. A DELETE has no body: RFC 9110 gives it no meaning there, and proxies may drop it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteKey {
    /// Why the key is deleted: in the audit trail.
    #[param(nullable = false)]
    reason: Option<ReasonKind>,
    /// A comment on it, of 1 to 500 characters.
    #[param(value_type = Option<String>, min_length = 1, max_length = 500, nullable = false)]
    comment: Option<Comment>,
}

impl From<DeleteKey> for Reason {
    fn from(DeleteKey { reason, comment }: DeleteKey) -> Self {
        Self { kind: reason, comment }
    }
}

/// The new creator of a key, and the mode of the transfer.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "userId": UserId::EXAMPLE, "mode": "keep" }))]
pub struct TransferKey {
    user_id: UserId,
    /// `keep` (if left out): its value works on, and it has at most what it had. `roll`: all its values end at once, it has
    /// a new one, and the role of its new creator.
    mode: Option<TransferMode>,
}

impl From<TransferKey> for Heir {
    fn from(TransferKey { user_id, mode }: TransferKey) -> Self {
        Self { user: user_id, mode: mode.unwrap_or_default() }
    }
}
