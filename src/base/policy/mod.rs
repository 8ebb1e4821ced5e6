//! The access policy: roles, permissions, the scope of a key, the status of a subscription.

mod catalog;
mod key_permissions;
mod names;
pub mod permission;
mod role;
mod scope;
mod service_permission;
mod set;
mod subscription_status;

pub use catalog::{Declared, LeastRole, MAX_DECLARED, MAX_NAME_LENGTH, Origin, PermissionCatalog};
pub use key_permissions::{KeyPermissions, MAX_HEADER_BYTES};
pub use names::PermissionNames;
pub use permission::{Least, Permission, can};
pub use role::{CreatorRole, HeldRole, OrganizationRole, RoleName, WorkspaceRole};
pub use scope::Scope;
pub use service_permission::{ServicePermission, ServicePermissions};
pub use set::{PermissionRef, PermissionSet};
pub use subscription_status::SubscriptionStatus;
