//! Roles: built-in ones, and those that an organization makes.

use super::set::PermissionSet;
use crate::base::ids::RoleId;
use crate::base::sql::text_enum;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use utoipa::{PartialSchema, ToSchema};

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

/// The name of a role in a workspace, on the wire: `viewer`, or the id of a custom role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleName {
    /// One of Keyward's.
    BuiltIn(WorkspaceRole),
    /// One that the organization made.
    Custom(RoleId),
}

impl RoleName {
    /// Returns the role for the column `role`, which versions without custom roles read: viewer for a custom role.
    pub fn column(self) -> WorkspaceRole {
        match self {
            Self::BuiltIn(role) => role,
            Self::Custom(_) => WorkspaceRole::Viewer,
        }
    }

    /// Returns the id of a custom role.
    pub fn custom(self) -> Option<RoleId> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Custom(id) => Some(id),
        }
    }

    /// Returns the name that the columns of a row have.
    pub fn of_columns(role: WorkspaceRole, custom: Option<RoleId>) -> Self {
        custom.map_or(Self::BuiltIn(role), Self::Custom)
    }
}

impl From<WorkspaceRole> for RoleName {
    fn from(role: WorkspaceRole) -> Self {
        Self::BuiltIn(role)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.as_str()),
            Self::Custom(id) => write!(f, "{id}"),
        }
    }
}

impl FromStr for RoleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Custom(id));
        }
        let known = text.parse().map(Self::BuiltIn);
        known.map_err(|reason: String| format!("{reason}, or the id of a role of the organization, such as role_…"))
    }
}

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'_, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for RoleName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::AnyOfBuilder::new()
            .item(utoipa::openapi::Ref::from_schema_name(WorkspaceRole::name()))
            .item(RoleId::schema())
            .description(Some("A built-in role, or the id of a custom role of the organization."))
            .into()
    }
}
impl utoipa::ToSchema for RoleName {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push((WorkspaceRole::name().into_owned(), WorkspaceRole::schema()));
    }
}

/// A role in a workspace with its permissions now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldRole {
    pub name: RoleName,
    pub permissions: PermissionSet,
}

impl CreatorRole {
    /// Returns the highest role in the workspace of those that stand here.
    pub fn in_workspace(self) -> WorkspaceRole {
        match self {
            Self::Viewer => WorkspaceRole::Viewer,
            Self::Editor => WorkspaceRole::Editor,
            Self::Admin | Self::OrganizationAdmin => WorkspaceRole::Admin,
        }
    }

    /// Returns the role in the organization, lowered to stand no higher than this.
    pub fn lower(self, organization: OrganizationRole) -> OrganizationRole {
        match self {
            Self::OrganizationAdmin => organization.min(OrganizationRole::Admin),
            Self::Admin | Self::Editor | Self::Viewer => OrganizationRole::Member,
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
