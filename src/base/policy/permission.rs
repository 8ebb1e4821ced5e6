//! The table of permissions, with the least role that has each.

use super::role::{OrganizationRole, WorkspaceRole};
use super::set::PermissionRef;
use serde::Serialize;

/// The least role that has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// A role in the workspace; admins and owners of the organization have all of them.
    Workspace(WorkspaceRole),
    /// A role in the organization.
    Organization(OrganizationRole),
}

/// A permission as a type, for a handler's signature: `WorkspaceAccess<can::KeysManage>`.
pub trait Can: 'static {
    /// The permission that the guard demands.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $level:ident $role:ident;)+) => {
        /// One action on one kind of resource.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum Permission { $($(#[$doc])* #[serde(rename = $text)] $variant),+ }

        impl Permission {
            /// All permissions, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the least role that has the permission.
            pub const fn least(self) -> Least {
                match self { $(Self::$variant => permissions!(@least $level $role)),+ }
            }
        }

        impl std::str::FromStr for Permission {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("must be one of: {}", [$($text),+].join(", "))),
                }
            }
        }

        // A derived implementation would repeat the input in its error.
        impl<'de> serde::Deserialize<'de> for Permission {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'_, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for Permission {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($text),+]))
                    .into()
            }
        }
        impl utoipa::ToSchema for Permission {}

        /// The permissions as types.
        pub mod can {
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug)]
                pub struct $variant;
                impl crate::base::policy::permission::Can for $variant {
                    const PERMISSION: super::Permission = super::Permission::$variant;
                }
            )+
        }
    };
    (@least workspace $role:ident) => { Least::Workspace(WorkspaceRole::$role) };
    (@least organization $role:ident) => { Least::Organization(OrganizationRole::$role) };
}

permissions! {
    /// See the workspace.
    WorkspaceRead = "workspace:read", workspace Viewer;
    /// See the workspace's members.
    MembersRead = "members:read", workspace Viewer;
    /// Read content.
    ContentRead = "content:read", workspace Viewer;
    /// Write content.
    ContentWrite = "content:write", workspace Editor;
    /// Create keys, and manage one's own.
    KeysOwn = "keys:own", workspace Viewer;
    /// Manage everyone's keys.
    KeysManage = "keys:manage", workspace Admin;
    /// Rename and delete the workspace.
    WorkspaceManage = "workspace:manage", workspace Admin;
    /// Add, change and remove the workspace's members.
    MembersManage = "members:manage", workspace Admin;
    /// See the organization, its members and its subscription.
    OrganizationRead = "organization:read", organization Member;
    /// Rename the organization, create workspaces, manage members and invitations.
    OrganizationManage = "organization:manage", organization Admin;
    /// Read the organization's audit trail.
    AuditRead = "audit:read", organization Admin;
    /// Delete the organization.
    OrganizationDelete = "organization:delete", organization Owner;
    /// Make members owners, and owners members.
    OwnersManage = "owners:manage", organization Owner;
}

impl Permission {
    /// Returns whether a role in an organization has the permission.
    pub fn held_in_organization(self, role: OrganizationRole) -> bool {
        matches!(self.least(), Least::Organization(least) if role >= least)
    }

    /// Returns the permission in a catalogue: Keyward's own have the first places, in the order of the table.
    pub fn reference(self) -> PermissionRef {
        PermissionRef::new(self as u8, self.as_str())
    }
}

impl From<Permission> for PermissionRef {
    fn from(permission: Permission) -> Self {
        permission.reference()
    }
}
