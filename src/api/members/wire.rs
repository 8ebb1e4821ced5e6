//! Members over HTTP.

use crate::api::hot_json::write_json;
use crate::base::ids::UserId;
use crate::base::policy::{OrganizationRole, WorkspaceRole};
use crate::base::time::Timestamp;
use crate::domain::members::{OrganizationMember, WorkspaceMember};
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
}

impl From<OrganizationMember> for OrganizationMemberView {
    fn from(member: OrganizationMember) -> Self {
        let OrganizationMember { user_id, role, joined_at, email, name, .. } = member;
        Self { id: user_id, email, name, role, joined_at }
    }
}

/// Somebody with a role in a workspace.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceMemberView {
    id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    /// The role that counts: `admin` for an admin of the organization.
    role: WorkspaceRole,
    joined_at: Timestamp,
}

write_json!(WorkspaceMemberView { "id": id, "email": email, "name": name, "role": role, "joinedAt": joined_at });

impl From<WorkspaceMember> for WorkspaceMemberView {
    fn from(member: WorkspaceMember) -> Self {
        let WorkspaceMember { user_id, role, joined_at, email, name, .. } = member;
        Self { id: user_id, email, name, role, joined_at }
    }
}

/// A role in the organization.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationRoleInput {
    pub(super) role: OrganizationRole,
}

/// A role in the workspace.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceRoleInput {
    pub(super) role: WorkspaceRole,
}

/// Who takes over the API keys of a member who is removed.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Another member who may create keys there; without one the keys are orphaned.
    pub(super) transfer_keys_to: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::hot_json::assert_same;

    #[test]
    fn a_member_is_written_as_serde_would_write_it() {
        for text in [None, Some("ada@example.com".to_owned()), Some("\"Ада\"".to_owned())] {
            let (id, role, joined_at) = (UserId::new(), WorkspaceRole::Viewer, Timestamp::EPOCH);
            let view = WorkspaceMemberView { id, email: text.clone(), name: text, role, joined_at };
            assert_same(&view, &view);
        }
    }
}
