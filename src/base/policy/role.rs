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
    /// How high a creator of API keys stands in a workspace, least first. `keys.min_creator_role` is the least that may
    /// create keys; a key's role limit is the most that it inherits.
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
    /// Returns where a user with these roles stands.
    pub fn of(organization: OrganizationRole, workspace: WorkspaceRole) -> Self {
        match workspace {
            _ if organization >= OrganizationRole::Admin => Self::OrganizationAdmin,
            WorkspaceRole::Admin => Self::Admin,
            WorkspaceRole::Editor => Self::Editor,
            WorkspaceRole::Viewer => Self::Viewer,
        }
    }

    /// Returns the roles, lowered to stand no higher than this.
    pub fn lower(self, organization: OrganizationRole, workspace: WorkspaceRole) -> (OrganizationRole, WorkspaceRole) {
        match self {
            Self::OrganizationAdmin => (organization.min(OrganizationRole::Admin), workspace),
            Self::Admin => (OrganizationRole::Member, workspace),
            Self::Editor => (OrganizationRole::Member, workspace.min(WorkspaceRole::Editor)),
            Self::Viewer => (OrganizationRole::Member, WorkspaceRole::Viewer),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowered_roles_stand_at_most_where_the_limit_says_and_never_higher_than_before() {
        use OrganizationRole::{Admin as OrganizationAdmin, Member, Owner};
        let limits = [CreatorRole::Viewer, CreatorRole::Editor, CreatorRole::Admin, CreatorRole::OrganizationAdmin];
        for organization in [Member, OrganizationAdmin, Owner] {
            for workspace in [WorkspaceRole::Viewer, WorkspaceRole::Editor, WorkspaceRole::Admin] {
                let before = CreatorRole::of(organization, workspace);
                for limit in limits {
                    let (lowered, in_workspace) = limit.lower(organization, workspace);
                    assert!(lowered <= organization && in_workspace <= workspace);
                    assert!(CreatorRole::of(lowered, in_workspace) <= limit.min(before));
                }
            }
        }
    }
}
