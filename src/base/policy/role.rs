//! Roles, and the effect of an organization role in its workspaces.

use crate::base::sql::text_enum;

text_enum! {
    /// A member's role in an organization, least first.
    OrganizationRole {
        /// Sees the organization, and the workspaces it was added to.
        Member = "member",
        /// Manages the organization; admin in each of its workspaces.
        Admin = "admin",
        /// An admin who can also name owners and delete the organization.
        Owner = "owner",
    }
}

text_enum! {
    /// A member's role in a workspace, least first.
    WorkspaceRole {
        /// Reads.
        Viewer = "viewer",
        /// Reads and writes content.
        Editor = "editor",
        /// Manages the workspace, its members and everyone's keys.
        Admin = "admin",
    }
}

text_enum! {
    /// The least role that may create API keys (`keys.min_creator_role`), least first.
    CreatorRole {
        /// Every member of the workspace.
        Viewer = "viewer",
        /// Editors and above.
        Editor = "editor",
        /// Workspace admins and above.
        Admin = "admin",
        /// Admins and owners of the organization only.
        OrganizationAdmin = "organization_admin",
    }
}

/// Returns a user's role in a workspace: the role given there, or admin for an admin of the organization.
pub fn effective_role(organization: OrganizationRole, workspace: Option<WorkspaceRole>) -> Option<WorkspaceRole> {
    if organization >= OrganizationRole::Admin { Some(WorkspaceRole::Admin) } else { workspace }
}

impl CreatorRole {
    /// Returns whether a user with these roles may create keys.
    pub fn admits(self, organization: OrganizationRole, workspace: WorkspaceRole) -> bool {
        match self {
            Self::Viewer => true,
            Self::Editor => workspace >= WorkspaceRole::Editor,
            Self::Admin => workspace >= WorkspaceRole::Admin,
            Self::OrganizationAdmin => organization >= OrganizationRole::Admin,
        }
    }
}
