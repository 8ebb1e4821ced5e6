//! Members over HTTP.

use crate::api::hot_json::write_json;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::policy::{OrganizationRole, RoleName};
use crate::base::time::Timestamp;
use crate::domain::api_keys::{Heir, TransferMode};
use crate::domain::members::{OrganizationMember, WorkspaceMember};
use crate::domain::tenancy::PersonStatus;
use serde::{Deserialize, Serialize};

/// A member of an organization.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationMemberView {
    id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    role: OrganizationRole,
    joined_at: Timestamp,
    /// Whether the person can act. A disabled person's role gives nothing, and a disabled owner doesn't count as one.
    status: PersonStatus,
}

impl From<OrganizationMember> for OrganizationMemberView {
    fn from(member: OrganizationMember) -> Self {
        let status = member.status();
        let OrganizationMember { user_id, role, joined_at, email, name, .. } = member;
        Self { id: user_id, email, name, role, joined_at, status }
    }
}

/// A person with a role in a workspace.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceMemberView {
    id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    /// The role that counts: `admin` for an admin of the organization.
    role: RoleName,
    joined_at: Timestamp,
    /// Whether the person can act. A disabled person's role gives nothing.
    status: PersonStatus,
}

write_json!(WorkspaceMemberView {
    "id": id, "email": email, "name": name, "role": role, "joinedAt": joined_at, "status": status,
});

impl From<WorkspaceMember> for WorkspaceMemberView {
    fn from(member: WorkspaceMember) -> Self {
        let WorkspaceMember { user_id, role, joined_at, email, name, status, .. } = member;
        Self { id: user_id, email, name, role, joined_at, status }
    }
}

/// A role in the organization.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "member" }))]
pub struct OrganizationRoleInput {
    pub(super) role: OrganizationRole,
}

/// A role in the workspace.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "editor" }))]
pub struct WorkspaceRoleInput {
    pub(super) role: RoleName,
}

/// Who takes over the API keys of a member who is removed.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Another member who may create keys there; without one the keys are orphaned.
    transfer_keys_to: Option<UserId>,
    /// With `transferKeysTo`: `keep` (if left out) limits each key to what it had; `roll` gives each of at most 100 keys a
    /// new value, which is answered this once, and ends the old ones.
    #[param(inline)]
    mode: Option<TransferMode>,
}

impl RemovalQuery {
    /// Returns who takes over the keys.
    ///
    /// # Errors
    /// `validation_failed` for a mode without a member.
    pub(super) fn heir(self) -> Result<Option<Heir>, ApiError> {
        match (self.transfer_keys_to, self.mode) {
            (Some(user), mode) => Ok(Some(Heir { user, mode: mode.unwrap_or_default() })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(ApiError::invalid("mode", "goes with transferKeysTo only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::hot_json::assert_same;

    #[test]
    fn a_member_is_written_as_serde_would_write_it() {
        for text in [None, Some("ada@example.com".to_owned()), Some("\"Ада\"".to_owned())] {
            let (id, role, joined_at) =
                (UserId::new(), RoleName::BuiltIn(crate::base::policy::WorkspaceRole::Viewer), Timestamp::EPOCH);
            let status = PersonStatus::Disabled;
            let view = WorkspaceMemberView { id, email: text.clone(), name: text, role, joined_at, status };
            assert_same(&view, &view);
        }
    }
}
