//! Request and response of `POST /keys/verify`.

use super::wanted::{PermissionName, WantedPermissions};
use crate::api::hot_json::{WriteJson, write_json, write_plain};
use crate::base::error::Code;
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::base::input::validation::{object, pasted_secret};
use crate::base::policy::{KeyPermissions, RoleName, Scope};
use crate::base::text::trim_pasted;
use crate::base::time::Timestamp;
use crate::domain::api_keys::CachedKey;
use crate::domain::usage::RequestOutcome;
use crate::infra::rate_limit::{Allowance, ONE};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::IpAddr;
use std::num::NonZeroU32;

/// The highest cost of one request. A higher cost fits into no sensible rate limit.
const MAX_COST: u32 = 1_000_000;

/// A key, and what its user wants to do with it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "key": "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX", "cost": 1 }))]
pub struct VerifyKey {
    /// The key as the client sent it, with or without blanks at its ends. Any text: what is no key is `NOT_FOUND`.
    #[serde(deserialize_with = "pasted_secret")]
    #[schema(value_type = String, format = Password, example = "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX")]
    pub(super) key: SecretString,
    /// What the key must be allowed to do.
    #[schema(value_type = Option<String>, example = "invoices:read")]
    pub(super) permission: Option<PermissionName>,
    /// What the key must be allowed to do, where that is more than one thing.
    #[serde(default, deserialize_with = "object")]
    pub(super) permissions: Option<WantedPermissions>,
    /// The workspace that the key must belong to.
    pub(super) workspace_id: Option<WorkspaceId>,
    /// The address of the service's client, against which the key's allowed addresses are held. Left out, it is the
    /// request's own, or the one that a trusted proxy names.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    pub(super) client_address: ClientAddress,
    /// How many requests this one counts as; 1 if left out.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    pub(super) cost: Cost,
}

/// An IP address; an IPv4 address in IPv6 is the IPv4 address. Null means none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClientAddress(pub(super) Option<IpAddr>);

impl<'de> Deserialize<'de> for ClientAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Self::default()) };
        let address: IpAddr = trim_pasted(&text).parse().map_err(|_| {
            serde::de::Error::custom("must be an IP address without a port, such as 203.0.113.7 or 2001:db8::1")
        })?;
        Ok(Self(Some(address.to_canonical())))
    }
}

/// How many requests the client's request counts as. Null means 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost(pub(super) NonZeroU32);

impl Default for Cost {
    fn default() -> Self {
        Self(ONE)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(number) = Option::<i64>::deserialize(deserializer)? else { return Ok(Self::default()) };
        let cost = u32::try_from(number).ok().filter(|cost| *cost <= MAX_COST).and_then(NonZeroU32::new);
        cost.map(Self).ok_or_else(|| serde::de::Error::custom(format!("must be an integer from 1 to {MAX_COST}")))
    }
}

/// What there is to say of a key. The first reason counts, in this order: that there is no such key, its own state, the
/// address, the subscription, the permission, the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyVerdict {
    /// The request may pass.
    Valid,
    /// Nobody has this key, or nobody in that workspace.
    NotFound,
    /// Stopped for good.
    Revoked,
    /// Stopped for now.
    Disabled,
    /// Past its expiry.
    Expired,
    /// Its creator lost access; an admin can transfer it.
    Orphaned,
    /// Its role or its scope does not allow this.
    InsufficientPermission,
    /// Its organization does not pay.
    SubscriptionInactive,
    /// It can't be used from the client's address.
    IpNotAllowed,
    /// Too many requests.
    RateLimited,
}

impl KeyVerdict {
    /// The outcome to count in the key's usage.
    pub(super) fn outcome(&self) -> RequestOutcome {
        match self {
            Self::Valid => RequestOutcome::Admitted,
            Self::RateLimited => RequestOutcome::Limited,
            _ => RequestOutcome::Refused,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::NotFound => "NOT_FOUND",
            Self::Revoked => "REVOKED",
            Self::Disabled => "DISABLED",
            Self::Expired => "EXPIRED",
            Self::Orphaned => "ORPHANED",
            Self::InsufficientPermission => "INSUFFICIENT_PERMISSION",
            Self::SubscriptionInactive => "SUBSCRIPTION_INACTIVE",
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::RateLimited => "RATE_LIMITED",
        }
    }

    /// Returns the verdict for an error code. `None` if the error is not about the key.
    pub(super) fn of(code: Code) -> Option<Self> {
        Some(match code {
            Code::InvalidApiKey => Self::NotFound,
            Code::ApiKeyRevoked => Self::Revoked,
            Code::ApiKeyDisabled => Self::Disabled,
            Code::ApiKeyExpired => Self::Expired,
            Code::ApiKeyOrphaned => Self::Orphaned,
            Code::InsufficientPermission | Code::ReadOnlyKey => Self::InsufficientPermission,
            Code::SubscriptionInactive => Self::SubscriptionInactive,
            Code::IpNotAllowed => Self::IpNotAllowed,
            Code::RateLimited => Self::RateLimited,
            _ => return None,
        })
    }
}

impl WriteJson for KeyVerdict {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_plain(out, self.as_str().as_bytes());
    }
}

/// What is left of the tighter one of two limits, the key's and its workspace's.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitView {
    /// The most requests that can come at once.
    #[schema(example = 100)]
    limit: u32,
    /// How many can come at once now.
    #[schema(example = 99)]
    remaining: u32,
    /// Whole seconds until there is more: for `RATE_LIMITED`, until the same request is admitted, as `Retry-After` says it.
    #[schema(example = 1)]
    reset_seconds: u64,
}

impl From<&Allowance> for RateLimitView {
    fn from(allowance: &Allowance) -> Self {
        let status = allowance.tighter();
        Self { limit: status.limit, remaining: status.remaining, reset_seconds: allowance.more_in_seconds() }
    }
}

/// Whether the request may pass, and whose key it is. For `NOT_FOUND` all but `valid` and `code` is null.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedKey<'k> {
    /// Whether `code` is `VALID`.
    valid: bool,
    #[schema(inline)]
    code: KeyVerdict,
    #[schema(required)]
    key_id: Option<KeyId>,
    #[schema(required)]
    workspace_id: Option<WorkspaceId>,
    #[schema(required)]
    organization_id: Option<OrganizationId>,
    /// The role that the key inherits now. Null when it is orphaned.
    #[schema(required)]
    role: Option<RoleName>,
    #[schema(required)]
    scope: Option<Scope>,
    /// What role and scope allow, were the key valid. Null where the role is.
    #[schema(required, value_type = Option<Vec<String>>)]
    permissions: Option<&'k KeyPermissions>,
    /// When this value of the key stops: at its expiry, or with the overlap of a roll before that.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// Null where the request was refused before it was counted.
    #[schema(required)]
    rate_limit: Option<RateLimitView>,
}

write_json!(VerifiedKey<'_> {
    "valid": valid,
    "code": code,
    "keyId": key_id,
    "workspaceId": workspace_id,
    "organizationId": organization_id,
    "role": role,
    "scope": scope,
    "permissions": permissions,
    "expiresAt": expires_at,
    "rateLimit": rate_limit,
});
write_json!(RateLimitView { "limit": limit, "remaining": remaining, "resetSeconds": reset_seconds });

impl<'k> VerifiedKey<'k> {
    /// Makes the response about a key, or about a text that is no key.
    pub(super) fn new(code: KeyVerdict, key: Option<&'k CachedKey>, allowance: Option<&Allowance>) -> Self {
        Self {
            valid: code == KeyVerdict::Valid,
            code,
            key_id: key.map(|key| key.key_id),
            workspace_id: key.map(|key| key.workspace_id),
            organization_id: key.map(|key| key.organization_id),
            role: key.and_then(CachedKey::role),
            scope: key.map(|key| key.scope),
            permissions: key.and_then(CachedKey::permissions),
            expires_at: key.and_then(CachedKey::ends_at),
            rate_limit: allowance.map(RateLimitView::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::hot_json::assert_same;
    use crate::base::policy::{PermissionCatalog, WorkspaceRole};

    #[test]
    fn a_verdict_is_written_as_serde_would_write_it() {
        let verdicts = [
            KeyVerdict::Valid,
            KeyVerdict::NotFound,
            KeyVerdict::Revoked,
            KeyVerdict::Disabled,
            KeyVerdict::Expired,
            KeyVerdict::Orphaned,
            KeyVerdict::InsufficientPermission,
            KeyVerdict::SubscriptionInactive,
            KeyVerdict::IpNotAllowed,
            KeyVerdict::RateLimited,
        ];
        let catalog = PermissionCatalog::compile([]).unwrap();
        let permissions = catalog.of_key(catalog.built_in(WorkspaceRole::Admin), Scope::Full);
        for code in verdicts {
            let mut verdict = VerifiedKey::new(code, None, None);
            assert_same(&verdict, &verdict);
            let (role, scope) = (RoleName::BuiltIn(WorkspaceRole::Admin), Scope::Full);
            verdict.key_id = Some(KeyId::new());
            (verdict.role, verdict.scope) = (Some(role), Some(scope));
            verdict.permissions = Some(&permissions);
            verdict.expires_at = Some(Timestamp::EPOCH);
            verdict.rate_limit = Some(RateLimitView { limit: u32::MAX, remaining: 0, reset_seconds: u64::MAX });
            assert_same(&verdict, &verdict);
        }
    }
}
